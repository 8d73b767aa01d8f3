"""What tells the two OpenClaw versions apart, as measured from the real ones: everything else is shared."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Version:
    name: str
    protocol: int
    keeps_keys: bool          # a boot has an id, histories name keys and runs, an interrupted turn is begun again
    parallel_sessions: int    # agents.defaults.maxConcurrent
    label_chars: int          # of a session's label
    thinking: tuple           # levels; what the mock model of 2026.9.6 can
    history_chars: int        # of one text in chat.history, unless the caller asks for more
    recovery_attempts: int    # how often a turn cut by a crash is begun again
    retries: int              # of a provider that answers 5xx, within one turn
    start_spacing: float      # seconds from one start to the next, at least


VERSIONS = {version.name: version for version in (
    Version("2026.9.6", protocol=4, keeps_keys=True, parallel_sessions=8, label_chars=512, thinking=("off",), history_chars=8_000, recovery_attempts=3, retries=3,
            start_spacing=0),
    Version("2026.3.8", protocol=3, keeps_keys=False, parallel_sessions=4, label_chars=64,
            thinking=("off", "minimal", "low", "medium", "high", "adaptive"), history_chars=12_000, recovery_attempts=0, retries=3,
            # Without a boot id a restart shows only in the uptime. A real one takes longer than this to start.
            start_spacing=2.2),
)}

PAYLOAD_BYTES_MAX = 25 * 1024 * 1024
BUFFERED_BYTES_MAX = 50 * 1024 * 1024    # unsent to one client
PREAUTH_BYTES_MAX = 64 * 1024
ROW_BYTES_MAX = 128 * 1024     # of one row in chat.history; longer ones are replaced by a note
HISTORY_BYTES_MAX = 6 * 1024 * 1024
HISTORY_ROWS_MAX = 1_000
DEDUPE_SECONDS = 300           # how long an idempotency key is remembered, in memory only
DEDUPE_ENTRIES_MAX = 1_000
WAIT_TEXT_UNITS = 4_096        # 2026.9.6 cuts the text in the answer to agent.wait there, without saying so
