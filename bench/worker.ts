/**
 * A worker that stays alive and times our training steps on request: the twin of
 * bench/reference/train_step.py, with the same lines in and out.
 *
 *     ts-node bench/worker.ts <depth> <batch> <image size> <channels>
 */
import * as readline from 'node:readline';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../backend/engine';
import { prunable } from '../layers';
import { cifarResNet } from '../models';
import { Sgd } from '../trainer/step/optimizer';
import { EagerStep } from '../trainer/step/eager-step';

async function main(): Promise<void> {
  const [depth, batch, size, channels] = process.argv.slice(2).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const engine = await startEngine('auto');
  const built = cifarResNet(depth, { inputShape: [size, size, channels], classes: 10 });
  const optimizer = new Sgd({ momentum: 0.9, nesterov: true, weightDecay: 5e-4 });
  const step = new EagerStep(prunable(built), optimizer);
  const images = tf.randomNormal([batch, size, size, channels], 0, 1, 'float32', 1);
  const labels = tf.tensor1d(
    Array.from({ length: batch }, (_, index) => index % 10),
    'int32',
  );
  const timed = (): [number, number] => {
    const started = performance.now();
    const loss = step.run({ images, labels }, 0.01);
    const value = loss.dataSync()[0]!;
    loss.dispose();
    return [performance.now() - started, value];
  };
  say({ ready: true, depth, engine: engine.id, tensorflow: engine.tensorflowVersion });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const steps = /^run ([1-9]\d*)$/.exec(line)?.[1];
    if (steps === undefined) break;
    const results = Array.from({ length: Number(steps) }, timed);
    say({ ms: results.map(([ms]) => ms), loss: results.at(-1)![1] });
  }
}

function say(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

void main();
