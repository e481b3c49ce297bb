/** Trains ResNet-20 on MNIST, prunes it meanwhile, proves and writes the small network: `npx ts-node examples/train-and-prune.ts`. */
import { startEngine, trainAndPrune } from '../index';

async function main(folder = 'runs/example'): Promise<void> {
  await startEngine();
  const run = { epochs: 2, limitTrain: 600, limitTest: 500, runDir: folder };
  const job = { arch: 'resnet20', data: 'mnist', method: 'fpgm', rate: 0.3, ...run } as const;
  const { dense, exported, verification } = await trainAndPrune(job);
  console.log(`MACs ${dense!.macs} -> ${exported.macs}, accuracy ${exported.accuracy}`);
  console.log(`largest difference to the masked network: ${verification.maxAbsDiff}`);
}

void main(process.argv[2]);
