/** Prunes a trained network in a file in one go: `npx ts-node examples/prune-file.ts net/model.json small`. */
import { pruneOnce, startEngine } from '../index';

async function main(model = 'net/model.json', out = 'small'): Promise<void> {
  await startEngine();
  const { masked, exported, verification } = await pruneOnce({ model, out, rate: 0.5 });
  console.log(
    `MACs ${masked.macs} -> ${exported.macs}, parameters ${masked.params} -> ${exported.params}`,
  );
  console.log(`largest difference to the masked network: ${verification.maxAbsDiff}`);
}

void main(process.argv[2], process.argv[3]);
