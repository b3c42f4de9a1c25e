export { type GoogleOptions, google } from './google.ts';
