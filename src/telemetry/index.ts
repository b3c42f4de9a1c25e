/** What sessions do, as OpenTelemetry traces and metrics. */

export { type Telemetry, type TelemetryOptions, telemetry } from './telemetry.ts';
