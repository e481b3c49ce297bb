import { openCifar, type CifarLayout } from './cifar';
import { cifar10 } from './cifar10';
import type { DataSetEntry } from './data-set';

/** The published binary version of CIFAR-100; a record opens with its coarse and its fine label. */
export const cifar100Layout: CifarLayout = {
  folder: 'cifar-100-binary',
  labels: [20, 100],
  train: { files: ['train.bin'], imagesPerFile: 50_000 },
  test: { files: ['test.bin'], imagesPerFile: 10_000 },
  archive: {
    name: 'cifar-100-binary.tar.gz',
    url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
    bytes: 168_513_733,
    sha256: '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
  },
};

/** Fine class names in the order of their labels, which is alphabetical. */
const CLASSES = `
  apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle
  bowl boy bridge bus butterfly camel can castle caterpillar cattle
  chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
  dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
  lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
  mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
  plain plate poppy porcupine possum rabbit raccoon ray road rocket
  rose sea seal shark shrew skunk skyscraper snail snake spider
  squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
  train trout tulip turtle wardrobe whale willow_tree wolf woman worm
`
  .trim()
  .split(/\s+/);

/**
 * CIFAR-100: 60,000 colour photographs, 32 x 32, labelled with the 100 fine classes; needs `folder`
 * (see `openCifar`).
 *
 * Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
 */
export const cifar100: DataSetEntry = {
  ...cifar10,
  title: 'CIFAR-100',
  classes: CLASSES,
  // Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016 (their published code).
  mean: [129.3 / 255, 124.1 / 255, 112.4 / 255],
  deviation: [68.2 / 255, 65.4 / 255, 70.4 / 255],
  open: (options) => openCifar(cifar100Layout, options),
};
