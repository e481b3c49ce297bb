import { diagnose, formatDiagnosis } from '../backend/doctor';
import type { Run } from '../config/parse';
import type { Terminal } from './terminal';

/** Says which engine computes here, what is missing and how to mend it. */
export async function doctor({ config }: Run<'doctor'>, terminal: Terminal): Promise<number> {
  const diagnosis = await diagnose();
  if (config.json) terminal.printData(JSON.stringify(diagnosis, null, 2));
  else terminal.print(formatDiagnosis(diagnosis));
  return 0;
}
