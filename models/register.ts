import { RegistrationError, requireNewName } from '../errors';
import { addArchitecture, architectureIds } from './catalogue';
import type { PublishedSize } from './catalogue';
import { addBuilder } from './architectures';
import type { Architecture } from './architectures';

/**
 * Teaches the program a network under a name, which `arch` of the jobs and, when a module of `--register` does it,
 * `--arch` then take.
 *
 * @param build makes it of stock layers (or of registered ones), initialised by `seed`; see `NetworkOptions`.
 * @param size the images and classes that it is for where nobody says others.
 * @throws {RegistrationError} when the name is taken, or something is not of its kind.
 */
export function registerNetwork(id: string, build: Architecture, size: PublishedSize): void {
  requireNewName('network', id, architectureIds);
  const what = `the network ${id}`;
  if (typeof build !== 'function') {
    throw new RegistrationError(what, 'it must come with a function that builds it');
  }
  const { inputShape, classes } = size as { readonly [K in keyof PublishedSize]?: unknown };
  const isCount = (count: unknown): boolean => Number.isSafeInteger(count) && Number(count) > 0;
  if (!Array.isArray(inputShape) || inputShape.length !== 3 || !inputShape.every(isCount)) {
    throw new RegistrationError(what, 'its inputShape must be height, width and channels');
  }
  if (!isCount(classes)) {
    throw new RegistrationError(what, 'its classes must be a whole number above 0');
  }
  addArchitecture(id, size);
  addBuilder(id, build);
}
