import { describe, expect, it } from 'vitest';
import { ids } from '../../config';
import { dataSets } from '../../data';
import { importances, methods, schedules } from '../../methods';
import { architectures } from '../../models';

describe('the names that the options accept', () => {
  it.each([
    ['--method', ids.method, [...Object.keys(methods), 'none']],
    ['--schedule', ids.schedule, Object.keys(schedules)],
    ['--importance', ids.importance, Object.keys(importances)],
    ['--dataset', ids.dataset, Object.keys(dataSets)],
    ['--arch', ids.arch, Object.keys(architectures)],
  ])('of %s are those of the registry', (_option, accepted, registered) => {
    expect([...accepted].sort()).toEqual([...registered].sort());
  });
});
