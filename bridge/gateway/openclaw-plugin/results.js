// What the model is shown: the daemon's results in the vocabulary of OpenClaw's own session tools.

const statusOf = (code) => (code === "forbidden" ? "forbidden" : "error");

/** `error` is a text, as for the native tools, with its code beside it. `stages`, their times, are for a person to read. */
export function forAgent({ stages, ...result }) {
  const { error } = result;
  if (error === null || typeof error !== "object") return result;
  const { code, message, retryable } = error;
  const status = result.status === "rejected" || result.status === undefined ? statusOf(code) : result.status;
  return { ...result, status, error: message, code, ...(retryable ? { retryable } : {}) };
}

/** The result that stands for a call which failed before there was one. */
export function failed(error) {
  const { code, retryable, message } = error;
  return { status: statusOf(code), error: message, ...(code ? { code } : {}), ...(retryable ? { retryable } : {}) };
}
