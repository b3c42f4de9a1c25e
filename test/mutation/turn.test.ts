import { turnMachine } from '../../src/machines/turnMachine.ts';
import { describeMutants } from './noticing.ts';

describeMutants(turnMachine);
