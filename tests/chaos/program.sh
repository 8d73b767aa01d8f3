#!/bin/sh
# The program of a `command` gateway: program.sh RECORD DELAY_MS. Its stdin is one of traffic.py's texts; it waits, and
# answers `echo: <text>`. RECORD gets a line when a turn begins and one when it ends, each by a single short write.
text=$(cat)
number=${text%% *}
lane=${text#* }
lane=${lane%% *}
ms=$2
case $text in
  *' SLEEP '*)
    ms=${text##* SLEEP }
    ms=${ms%% *}
    ;;
esac
thousandths=$((ms % 1000 + 1000))
printf 'begin %s %s %s\n' "$CLAW_CORRELATION_ID" "$number" "$lane" >> "$1"
sleep "$((ms / 1000)).${thousandths#1}"
printf 'end %s %s %s\n' "$CLAW_CORRELATION_ID" "$number" "$lane" >> "$1"
printf 'echo: %s' "$text"
