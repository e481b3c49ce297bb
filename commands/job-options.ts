/** From the options of a command to those of a job: the same names but for what the command line spells otherwise. */
import type { ConfigOf } from '../config';
import type { TrainingOptions } from '../jobs';
import type { LayerRate } from '../methods';

type ClassWeights = NonNullable<TrainingOptions['classWeights']>;

/** What a job calls otherwise: `data`, and rates of single layers as records. */
export function toJobOptions<C extends Pick<ConfigOf<'prune'>, 'dataset' | 'layerRate'>>(
  config: C,
): Omit<C, 'layerRate'> & { data: C['dataset']; layerRates: LayerRate[] } {
  const { layerRate, ...others } = config;
  return { ...others, data: config.dataset, layerRates: layerRate.map(readLayerRate) };
}

/** `PATTERN=X`, whose form the option has checked. */
function readLayerRate(rule: string): LayerRate {
  const at = rule.lastIndexOf('=');
  return { pattern: rule.slice(0, at), rate: Number(rule.slice(at + 1)) };
}

/** What `--class-weights` says, as the training takes it; the form of each `CLASS=X` has been checked. */
export function toClassWeights(given: ConfigOf<'train'>['classWeights']): ClassWeights {
  if (typeof given === 'string') return given;
  const factors = given.map((part) => {
    const at = part.lastIndexOf('=');
    return [part.slice(0, at), Number(part.slice(at + 1))] as const;
  });
  return Object.fromEntries(factors);
}

/** A target as the command line has it: `--target-macs 60%`. */
export function spellTarget(option: string, asked: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${asked}`;
}
