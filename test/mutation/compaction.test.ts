import { compactionMachine } from '../../src/machines/compactionMachine.ts';
import { describeMutants } from './noticing.ts';

describeMutants(compactionMachine);
