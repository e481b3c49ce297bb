import * as tf from '@tensorflow/tfjs';
import { resnet20 } from './models';
import { prunable } from './layers';
import { startEngine } from './backend/engine';
import { EagerStep } from './trainer/step';
import { Sgd } from './trainer/optimizer';
void (async () => {
const e = await startEngine(process.argv[2] as 'cpu');
console.log(e.id, e.tensorflowVersion);
const size=Number(process.argv[3]??32), c=Number(process.argv[4]??3), n=Number(process.argv[5]??128), steps=Number(process.argv[6]??10);
const m = prunable(resnet20({inputShape:[size,size,c],classes:10}));
const step = new EagerStep(m, new Sgd({momentum:.9,nesterov:true,weightDecay:5e-4}));
const images = tf.randomNormal([n,size,size,c],0,1,'float32',3);
const labels = tf.tensor1d(Array.from({length:n},(_,i)=>i%10),'int32');
for (let i=0;i<steps;i++){ const t=performance.now(); const l=step.run({images,labels},0.05); const v=l.dataSync()[0]; l.dispose(); console.log(i, v!.toFixed(4), (performance.now()-t).toFixed(0), tf.memory().numTensors, (process.memoryUsage().rss/2**20).toFixed(0)); }
if (process.argv[7]) { const p = await tf.profile(()=>{ const l=step.run({images,labels},0.05); l.dispose(); return tf.scalar(0);});
const by: Record<string,number> = {}; for (const k of p.kernels) { by[k.name]=(by[k.name]??0)+1; } console.log(Object.values(by).reduce((a,b)=>a+b), by); }
})();
