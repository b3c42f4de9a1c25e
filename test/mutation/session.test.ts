import { sessionMachine } from '../../src/machines/sessionMachine.ts';
import { describeMutants } from './noticing.ts';

describeMutants(sessionMachine);
