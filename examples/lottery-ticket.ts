/**
 * The lottery ticket hypothesis with late rewinding, as a composition of library calls.
 *
 *     npx ts-node examples/lottery-ticket.ts
 *
 * Train, remove the smallest weights, rewind what is left to where it stood after a few steps, and train again
 * with the mask. The same mask on fresh weights is the control: it has the structure, not the ticket.
 *
 * Source: Frankle and Carbin, "The Lottery Ticket Hypothesis", ICLR 2019, arXiv:1803.03635; rewinding to step k:
 * Frankle et al., "Stabilizing the Lottery Ticket Hypothesis", 2019, arXiv:1903.01611.
 */
import * as tf from '@tensorflow/tfjs';
import {
  captureTensors,
  chooseUnits,
  EagerStep,
  hold,
  NormWeight,
  prunable,
  RandomStream,
  restoreTensors,
  seedOf,
  Sgd,
  startEngine,
  Network,
} from '../index';
import type { KeepSet, LabelledBatch } from '../index';

const STEPS = 200;
const REWIND_TO = 20; // k: after so many steps the ticket is drawn
const RATE = 0.9;
const CLASSES = 3;

/** Three spiral arms in the plane, with some noise: [n, 2] and [n]. */
function spirals(count: number, name: string): LabelledBatch {
  const random = new RandomStream(seedOf('spirals', name));
  const labels = Int32Array.from({ length: count }, () => random.integer(CLASSES));
  const points = [...labels].flatMap((label) => {
    const radius = random.next();
    const angle = 4 * radius + (2 * Math.PI * label) / CLASSES + 0.1 * random.normal();
    return [2 * radius * Math.cos(angle), 2 * radius * Math.sin(angle)];
  });
  return { images: tf.tensor2d(points, [count, 2]), labels: tf.tensor1d(labels, 'int32') };
}

/** Two hidden layers; the weights follow from the seed. */
function buildModel(seed: number): tf.LayersModel {
  const layer = (name: string, units: number): tf.layers.Layer =>
    tf.layers.dense({
      name,
      units,
      ...(name === 'classes' ? {} : { activation: 'relu' as const }),
      kernelInitializer: tf.initializers.heNormal({ seed: seedOf('lottery', seed, name) }),
    });
  const input = tf.input({ shape: [2] });
  let x: tf.SymbolicTensor = input;
  for (const [name, units] of [
    ['first', 32],
    ['second', 32],
    ['classes', CLASSES],
  ] as const) {
    x = layer(name, units).apply(x) as tf.SymbolicTensor;
  }
  return prunable(tf.model({ inputs: input, outputs: x }));
}

/** A network with what trains it. */
class Training {
  readonly model: tf.LayersModel;
  readonly optimizer = new Sgd({ momentum: 0.9 });
  private readonly step: EagerStep;

  constructor(seed: number) {
    this.model = buildModel(seed);
    this.step = new EagerStep(this.model, this.optimizer);
  }

  /** Takes the steps up to `end`; which batch a step sees depends on the step alone. */
  until(end: number): void {
    while (this.optimizer.steps < end) {
      const batch = spirals(64, `step ${this.optimizer.steps}`);
      tf.dispose([this.step.run(batch, 0.1), batch.images, batch.labels]);
    }
  }

  /** Fraction of fresh points that it classifies. */
  accuracy(): string {
    const { images, labels } = spirals(1000, 'test');
    const right = tf.tidy(() => {
      const answers = tf.argMax(this.model.predict(images) as tf.Tensor, 1);
      return tf.mean(tf.cast(tf.equal(answers, labels), 'float32')).dataSync()[0]!;
    });
    tf.dispose([images, labels]);
    return `${(100 * right).toFixed(1)} %`;
  }
}

/** Trains on with what `keep` leaves; the weights that go are zero from here on. */
function trainTicket(training: Training, keep: KeepSet): string {
  const { model, optimizer } = training;
  hold(Network.of(model), keep, { optimizer });
  training.until(STEPS);
  return training.accuracy();
}

async function main(): Promise<void> {
  await startEngine('cpu');
  const training = new Training(1);
  const { model, optimizer } = training;

  training.until(REWIND_TO);
  const early = captureTensors(model, optimizer); // weights, masks and velocities
  training.until(STEPS);
  console.log(`dense: ${training.accuracy()}`);

  const keep = chooseUnits(Network.of(model), new NormWeight(), { rate: RATE, scope: 'global' });
  const kept = [...keep.weights.values()].flatMap((vector) => [...vector]);
  const left = kept.filter((flag) => flag === 1).length;
  console.log(`${left} of ${kept.length} weights stay`);

  restoreTensors(model, optimizer, early, REWIND_TO);
  console.log(`ticket, rewound to step ${REWIND_TO}: ${trainTicket(training, keep)}`);
  console.log(`the same mask on fresh weights: ${trainTicket(new Training(2), keep)}`);
}

void main();
