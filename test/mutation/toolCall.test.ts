import { toolCallMachine } from '../../src/machines/toolCallMachine.ts';
import { describeMutants } from './noticing.ts';

describeMutants(toolCallMachine);
