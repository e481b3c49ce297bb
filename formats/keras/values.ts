import { isJsonObject } from '../../files';
import type { JsonObject, JsonValue } from '../../files';
import { canPlay, isRegistered, roleOf } from '../tfjs/layer-kind';
import type { Draft } from './draft';
import { show } from './draft';

/** What Keras calls an activation, and what TensorFlow.js calls the same function. */
const activationNames: Readonly<Record<string, string>> = { silu: 'swish' };

/** Types in which a layer may compute and this library computes in float32, which is more exact. */
const floats = /^(float16|bfloat16|float64|mixed_?(b?float16))$/i;

/** Types that a layer may keep. */
const known = new Set(['float32', 'int32', 'bool', 'string', 'complex64']);

/** The values of a layer's config as TensorFlow.js reads them: types, shapes, functions, numbers of NumPy. */
export function plainValues(draft: Draft): JsonObject {
  const { batchShape, ...rest } = draft.config;
  const config: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(rest)) config[key] = plainValue(key, value, draft);
  if (batchShape !== undefined) config.batchInputShape ??= batchShape;
  return config;
}

function plainValue(key: string, value: JsonValue, draft: Draft): JsonValue {
  if (key === 'dtype') return dtypeOf(value, draft);
  const role = roleOf(key);
  if (role === 'activation') return activationOf(value);
  if (role === 'regularizer') return regularizerOf(key, value, draft);
  if (role === 'initializer') return initializerOf(value, draft);
  return unwrap(value);
}

/** The name of a type, of which Keras also writes a policy. */
function dtypeOf(value: JsonValue, { refuse }: Draft): JsonValue {
  const policy = isJsonObject(value) && isJsonObject(value.config) ? value.config.name : value;
  if (policy === null || policy === undefined) return null;
  if (typeof policy === 'string') {
    if (known.has(policy)) return policy;
    if (floats.test(policy)) return 'float32';
    if (/^u?int(8|16|32|64)$/.test(policy)) return 'int32';
  }
  return refuse(`has the dtype ${show(policy)}, in which TensorFlow.js cannot compute`);
}

/** An activation by name; a layer in its place stays an object. */
function activationOf(value: JsonValue): JsonValue {
  if (typeof value === 'string') return activationNames[value] ?? value;
  if (!isJsonObject(value) || typeof value.className !== 'string') return value;
  const { className, config } = value;
  if (className === 'function') return typeof config === 'string' ? activationOf(config) : value;
  const name = activationOf(lowered(className));
  const isName = !isRegistered(className) && typeof name === 'string';
  return isName && canPlay(name, 'activation') ? name : value;
}

const lowered = (name: string): string => name.slice(0, 1).toLowerCase() + name.slice(1);

/** Keras has L1 and L2 as classes of their own; a regularizer does nothing but in training. */
function regularizerOf(key: string, value: JsonValue, { note }: Draft): JsonValue {
  if (typeof value === 'string') return /^l[12]$/i.test(value) ? named(value) : value;
  if (!isJsonObject(value) || typeof value.className !== 'string') return value;
  const { className, config } = value;
  const strengths = isJsonObject(config) ? config : {};
  if (/^l[12]$/i.test(className)) {
    const strength = strengths[className.toLowerCase()] ?? 0.01;
    return { ...named(className), config: { l1: 0, l2: 0, [className.toLowerCase()]: strength } };
  }
  if (isRegistered(className)) return value;
  note(`loses its ${key} ${className.slice(0, 80)}, which TensorFlow.js does not know`);
  return null;
}

const named = (name: string): JsonObject => ({
  className: 'L1L2',
  config: { l1: 0, l2: 0, [name.toLowerCase()]: 0.01 },
});

/** What a weight begins with does not matter: the file holds what it is. */
function initializerOf(value: JsonValue, { isKeras3 }: Draft): JsonValue {
  if (!isKeras3) return value;
  const className = isJsonObject(value) ? value.className : undefined;
  if (value === null || typeof className !== 'string' || isRegistered(className)) return value;
  return { className: 'Zeros', config: {} };
}

/** Numbers that Keras wrote as an array of NumPy or a tensor. */
function unwrap(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  const { className, type, config } = value;
  const isArray = className === 'Numpy' || className === 'Tensor';
  if (isArray && isJsonObject(config) && config.value !== undefined) return config.value;
  return type === 'ndarray' && value.value !== undefined ? value.value : value;
}
