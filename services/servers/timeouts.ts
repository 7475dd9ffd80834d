export const auditTimeoutMs = 5 * 60_000;
export const hardenTimeoutMs = 30 * 60_000;
export const undoTimeoutMs = 30 * 60_000;
