"""The table at the end of a chaos run."""

import collections

import schedule

# What must be nothing, in every round.
MUST_BE_NONE = ("lost", "doubled", "disagreeing", "out of order", "a wrong reply", "ok without a turn", "ran although denied",
                "ran although refused", "a turn nobody asked for", "changed its outcome", "failed without a kill",
                "the bridge hung", "too few ok")


def show(rounds):
    """Prints it; whether everything was as it must be."""
    for round_ in rounds:
        show_round(round_)
    totals = collections.Counter()
    for round_ in rounds:
        totals.update({kind: len(cases) for kind, cases in round_.verdict["violations"].items()})
    print("\n" + "  ".join(f"{kind}: {totals[kind]}" for kind in MUST_BE_NONE))
    for round_ in rounds:
        for problem in round_.problems or ([] if round_.good() else ["it was not judged, or found wanting"]):
            print(f"problem in {round_.name}: {problem}")
    return all(round_.good() for round_ in rounds)


def show_round(round_):
    counts, outcomes, times = round_.verdict["counts"], round_.verdict["outcomes"], round_.times
    kinds = ", ".join(f"{name} {kind}" for name, kind in round_.kinds.items())
    print(f"\n{round_.name}: the broker {round_.keeps.value}; {kinds}")
    ended = counts.get("ended", 0)
    print(f"  exchanges  {ended} ended, {ended / times['fire'] if times['fire'] else 0:.0f}/s in {times['fire']:.0f} s under fire; "
          f"settled in {times['settling']:.0f} s, checked in {times['checking']:.0f} s; {counts.get('turns', 0)} turns")
    print(f"  requests   {counts.get('accepted', 0)} answered, {counts.get('refused', 0)} refused, {counts.get('unanswered', 0)} cut off "
          f"before the answer; of these two {counts.get('ran without an answer', 0)} ran")
    print("  outcomes   " + ", ".join(f"{status} {count}" for status, count in sorted(outcomes.items(), key=lambda item: -item[1])))
    strikes = collections.defaultdict(dict)
    for key, count in round_.strikes.items():
        kind = next(kind for kind in (*schedule.KILLS, "STOP", *sorted(schedule.NETWORK, key=len, reverse=True)) if key.startswith(kind + " "))
        strikes[kind][key[len(kind) + 1:]] = count
    kills = sum(sum(strikes.get(kind, {}).values()) for kind in schedule.KILLS)
    print(f"  strikes    {kills} kills, {sum(round_.strikes.values()) - kills} freezes and network faults")
    for kind, victims in strikes.items():
        print(f"    {kind:<9} {sum(victims.values()):>5}  " + ", ".join(f"{victim} {count}" for victim, count in sorted(victims.items())))
