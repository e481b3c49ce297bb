/** The zoo by the names of the command line, with what is known of it before TensorFlow is loaded. */

/** The images and classes that a network was published for. */
export interface PublishedSize {
  /** Height, width and channels. */
  readonly inputShape: readonly [height: number, width: number, channels: number];
  readonly classes: number;
}

const cifar: PublishedSize = { inputShape: [32, 32, 3], classes: 10 };
const imageNet: PublishedSize = { inputShape: [224, 224, 3], classes: 1000 };

/** The networks, in the order of the help; torchvision's names, where it has the network. */
export const modelCatalogue = {
  resnet20: cifar,
  resnet32: cifar,
  resnet44: cifar,
  resnet56: cifar,
  resnet110: cifar,
  resnet18: imageNet,
  resnet34: imageNet,
  resnet50: imageNet,
  resnet101: imageNet,
  resnet152: imageNet,
  alexnet: imageNet,
  vgg9: cifar,
  vgg9_bn: cifar,
  vgg11: imageNet,
  vgg11_bn: imageNet,
  vgg13: imageNet,
  vgg13_bn: imageNet,
  vgg16: imageNet,
  vgg16_bn: imageNet,
  vgg19: imageNet,
  vgg19_bn: imageNet,
  mobilenet_v1: imageNet,
  mobilenet_v2: imageNet,
  mnasnet1_0: imageNet,
  squeezenet1_0: imageNet,
  squeezenet1_1: imageNet,
  googlenet: imageNet,
  densenet121: imageNet,
  efficientnet_b0: imageNet,
} as const satisfies Record<string, PublishedSize>;

/** A name of the zoo. */
export type ArchitectureId = keyof typeof modelCatalogue;

/** A name of the zoo or of a network that was registered. */
export type AnyArchitectureId = ArchitectureId | (string & Record<never, never>);

const sizes: Record<string, PublishedSize> = { ...modelCatalogue };
const names = Object.keys(modelCatalogue) as ArchitectureId[];

/** The names of the zoo, in the order of the help; then those that were registered, as they come. */
export const architectureIds: readonly ArchitectureId[] = names;

/** Takes the size of a network in; `registerNetwork` has checked it. */
export function addArchitecture(id: string, size: PublishedSize): void {
  sizes[id] = size;
  names.push(id as ArchitectureId); // who lists the names asks no more of them
}

/** The images and classes that a network was published for; its name must be known. */
export function publishedSize(id: AnyArchitectureId): PublishedSize {
  return sizes[id]!;
}

/** Functions of the library that are one network of the zoo under a name without its size. */
const families: ReadonlyMap<string, ArchitectureId> = new Map([
  ['efficientnet', 'efficientnet_b0'],
  ['mnasnet', 'mnasnet1_0'],
]);

/**
 * The network that a name means, however it is written: `mobileNetV2`, `MobileNet-v2` and `mobilenet_v2` are one;
 * null where there is none.
 */
export function findArchitecture(name: string): ArchitectureId | null {
  const plain = plainName(name);
  return architectureIds.find((id) => plainName(id) === plain) ?? families.get(plain) ?? null;
}

/** Its letters and figures alone, in small letters. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_.\s]/g, '');
}
