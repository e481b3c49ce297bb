/** The options of the engine; they go with all others. */
import { choice, optional, whole } from '../formats';
import { option, whereComputed } from '../option';

/** What computes. */
export const engineOptions = {
  backend: option({
    doc: 'engine that computes; auto takes the fastest that loads',
    group: 'Engine',
    format: choice(['auto', 'tensorflow', 'wasm', 'cpu']),
    default: 'auto',
    commands: [...whereComputed, 'doctor'],
    mayChange: true, // another engine goes on with the same state, rounded its own way
  }),
  threads: option({
    doc: 'processor threads that the engine uses',
    group: 'Engine',
    format: optional(whole({ from: 1 })),
    default: null,
    defaultDoc: 'all cores',
    commands: [...whereComputed, 'doctor'],
    mayChange: true,
  }),
};
