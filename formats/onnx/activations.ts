import type { Site, Value } from './site';
import { mapAxis } from './site';

/** Writes one activation function. */
type ActivationWriter = (site: Site, x: Value) => Value;

const single =
  (operator: string): ActivationWriter =>
  (site, { name, shape }) =>
    site.node(operator, [name], shape);

/** x times something of x. */
const gated =
  (gate: ActivationWriter): ActivationWriter =>
  (site, x) =>
    site.node('Mul', [x.name, gate(site, x).name], x.shape);

const overChannels =
  (operator: string): ActivationWriter =>
  (site, { name, shape }) =>
    site.node(operator, [name], shape, { axis: { int: mapAxis(-1, shape.length) } });

/** 0.5 x (1 + f): f is the error function of x / sqrt(2), or near to it. */
const halfOfOnePlus = (site: Site, x: Value, f: Value): Value => {
  const onePlus = site.node('Add', [f.name, site.scalar(1)], x.shape);
  const half = site.node('Mul', [x.name, site.scalar(0.5)], x.shape);
  return site.node('Mul', [half.name, onePlus.name], x.shape);
};

/** Every activation function that a tfjs layer can name. */
const activations: Readonly<Record<string, ActivationWriter>> = {
  linear: (_, x) => x,
  relu: single('Relu'),
  relu6: (site, x) => site.node('Clip', [x.name, site.scalar(0), site.scalar(6)], x.shape),
  elu: single('Elu'),
  selu: single('Selu'),
  sigmoid: single('Sigmoid'),
  hardSigmoid: (site, x) =>
    site.node('HardSigmoid', [x.name], x.shape, { alpha: { float: 0.2 }, beta: { float: 0.5 } }),
  softplus: single('Softplus'),
  softsign: single('Softsign'),
  tanh: single('Tanh'),
  softmax: overChannels('Softmax'),
  logSoftmax: overChannels('LogSoftmax'),
  swish: gated(single('Sigmoid')),
  mish: gated((site, x) => single('Tanh')(site, single('Softplus')(site, x))),
  gelu(site, x) {
    const scaled = site.node('Mul', [x.name, site.scalar(Math.SQRT1_2)], x.shape);
    return halfOfOnePlus(site, x, site.node('Erf', [scaled.name], x.shape));
  },
  /** 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) */
  gelu_new(site, x) {
    const cube = site.node('Pow', [x.name, site.scalar(3)], x.shape);
    const small = site.node('Mul', [cube.name, site.scalar(0.044715)], x.shape);
    const sum = site.node('Add', [x.name, small.name], x.shape);
    const scaled = site.node('Mul', [sum.name, site.scalar(Math.sqrt(2 / Math.PI))], x.shape);
    return halfOfOnePlus(site, x, site.node('Tanh', [scaled.name], x.shape));
  },
};

/** Applies the activation function that the layer's config names. */
export function activate(site: Site, x: Value): Value {
  const name = (site.config.activation ?? 'linear') as string;
  const write = Object.hasOwn(activations, name) ? activations[name] : undefined;
  return write ? write(site, x) : site.refuse(`has the activation ${name}, which is not written`);
}
