export { type AiSdkModel, type AiSdkOptions, aiSdk } from './aiSdk.ts';
