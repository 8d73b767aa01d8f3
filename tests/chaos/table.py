"""The table at the end of a chaos run."""

import collections

import schedule

# What must be nothing, in every round.
MUST_BE_NONE = ("lost", "doubled", "disagreeing", "out of order", "a wrong reply", "ok without a turn", "ran although denied",
                "ran although refused", "a turn nobody asked for", "changed its outcome", "interrupted without a kill",
                "the bridge hung", "too few ok")


def show(results):
    """Prints it; whether everything was as it must be."""
    for result in results:
        show_round(result)
    totals = collections.Counter()
    for result in results:
        totals.update({kind: len(cases) for kind, cases in result["verdict"]["violations"].items()})
    problems = [f"{result['name']}: {problem}" for result in results for problem in result["problems"]]
    print("\n" + "  ".join(f"{kind}: {totals[kind]}" for kind in MUST_BE_NONE))
    for problem in problems:
        print(f"problem: {problem}")
    checked = all(result["verdict"]["counts"].get("ended") for result in results)
    if not checked:
        print("problem: a round was not judged")
    return checked and not totals and not problems


def show_round(result):
    counts, outcomes = result["verdict"]["counts"], result["verdict"]["outcomes"]
    kinds = ", ".join(f"{name} {kind}" for name, kind in result["kinds"].items())
    print(f"\n{result['name']}: broker {'with' if result['persistent'] else 'without'} persistence; {kinds}")
    ended, seconds = counts.get("ended", 0), result["seconds"]
    print(f"  exchanges  {ended} ended in {seconds:.0f} s under fire ({ended / seconds if seconds else 0:.0f}/s), "
          f"settled in {result.get('settled', 0):.0f} s; {counts.get('turns', 0)} turns")
    print(f"  requests   {counts.get('accepted', 0)} answered, {counts.get('refused', 0)} refused, {counts.get('unanswered', 0)} cut off "
          f"before the answer; {counts.get('ran without an answer', 0)} of the latter ran")
    print("  outcomes   " + ", ".join(f"{status} {count}" for status, count in sorted(outcomes.items(), key=lambda item: -item[1])))
    strikes = collections.defaultdict(dict)
    for key, count in result["strikes"].items():
        kind = next(kind for kind in (*schedule.KILLS, "STOP", *sorted(schedule.NETWORK, key=len, reverse=True)) if key.startswith(kind + " "))
        strikes[kind][key[len(kind) + 1:]] = count
    kills = sum(sum(strikes.get(kind, {}).values()) for kind in schedule.KILLS)
    print(f"  strikes    {kills} kills, {sum(result['strikes'].values()) - kills} freezes and network faults")
    for kind, victims in strikes.items():
        print(f"    {kind:<9} {sum(victims.values()):>5}  " + ", ".join(f"{victim} {count}" for victim, count in sorted(victims.items())))
