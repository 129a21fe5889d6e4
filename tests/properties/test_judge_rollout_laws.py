"""Laws of every rollout: it ends, it only rises, an abort wins, silence never promotes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.run.judging import JudgeKind
from gonogo.run.rollout import (
    Act,
    BlueGreen,
    Canary,
    DeployBatch,
    Finished,
    MoveTraffic,
    Progress,
    Promotion,
    Rolling,
    StepAnswer,
    Strategy,
    Undo,
    aborted,
    answered,
    moved,
    next_act,
    promoted,
)

PATIENCE = 2_000
PROMOTIONS = st.sampled_from(Promotion)
Word = tuple[str, JudgeKind, int]


def canaries() -> st.SearchStrategy[Strategy]:
    """Any canary with up to five steps."""
    steps = st.sets(st.integers(1, 99), max_size=4).map(lambda found: (*sorted(found), 100))
    return steps.flatmap(
        lambda chosen: st.builds(
            Canary,
            steps=st.just(chosen),
            hold_ms=st.integers(0, 2_000),
            promotions=st.one_of(st.just(()), st.tuples(*[PROMOTIONS] * (len(chosen) - 1))),
            early=st.booleans(),
            min_ticks=st.integers(1, 3),
            patience_ms=st.just(PATIENCE),
        )
    )


def strategies() -> st.SearchStrategy[Strategy]:
    """Any strategy."""
    batches = st.lists(st.integers(1, 3), min_size=1, max_size=5).map(tuple)
    rolling = st.builds(Rolling, batches, st.just(3), hold_ms=st.integers(0, 2_000), patience_ms=st.just(PATIENCE))
    blue_green = st.builds(
        BlueGreen, st.integers(0, 500), st.integers(0, 2_000), promotion=PROMOTIONS, patience_ms=st.just(PATIENCE)
    )
    return st.one_of(canaries(), rolling, blue_green)


def words() -> st.SearchStrategy[list[Word]]:
    """What happens while time passes: answers of the judge, promotions, silence, aborts."""
    word = st.tuples(
        st.sampled_from(("answer", "answer", "answer", "person", "silence", "abort")),
        st.sampled_from(JudgeKind),
        st.integers(0, 4),
    )
    return st.lists(word, max_size=40)


def heard(progress: Progress, word: Word) -> Progress:
    """Progress after one thing happened."""
    what, kind, ticks = word
    match what:
        case "answer":
            return answered(progress, StepAnswer(progress.step, kind, ticks, kind.value))
        case "person" if progress.step >= 0:
            return promoted(progress, progress.step)
        case "abort" if kind is JudgeKind.ABORT:
            return aborted(progress, "a person said stop")
        case _:
            return progress


def played(strategy: Strategy, script: list[Word]) -> list[tuple[Act, Progress]]:
    """Every act with the progress it was chosen from, until the rollout ended or time ran out."""
    progress, now, trace = Progress(), 0, []
    for turn in range(400):
        if turn < len(script):
            progress = heard(progress, script[turn])
        act = next_act(strategy, progress, now)
        trace.append((act, progress))
        match act:
            case Finished() | Undo():
                return trace
            case MoveTraffic() | DeployBatch():
                progress = moved(progress, act, now)
            case _:
                now += 250
    return trace


@given(strategies(), words())
@settings(max_examples=150, deadline=None)
def test_every_path_ends_finished_or_undone(strategy: Strategy, script: list[Word]) -> None:
    assert isinstance(played(strategy, script)[-1][0], Finished | Undo)


@given(strategies(), words())
@settings(max_examples=150, deadline=None)
def test_the_share_of_the_new_version_only_rises_until_it_ends(strategy: Strategy, script: list[Word]) -> None:
    shares = [progress.percent for _, progress in played(strategy, script)]
    assert shares == sorted(shares)


@given(strategies(), words())
@settings(max_examples=150, deadline=None)
def test_nothing_moves_to_the_new_version_after_an_abort(strategy: Strategy, script: list[Word]) -> None:
    trace = played(strategy, script)
    stopped = [turn for turn, (_, progress) in enumerate(trace) if progress.abort]
    if stopped:
        assert [type(act) for act, _ in trace[stopped[0] :]] == [Undo]


@given(canaries(), words())
@settings(max_examples=150, deadline=None)
def test_all_traffic_is_reached_only_through_every_step(strategy: Strategy, script: list[Word]) -> None:
    assert isinstance(strategy, Canary)
    trace = played(strategy, script)
    moves = [act.percent for act, _ in trace if isinstance(act, MoveTraffic)]
    assert tuple(moves) == strategy.steps[: len(moves)]
    if isinstance(trace[-1][0], Finished):
        assert tuple(moves) == strategy.steps


@given(strategies(), words())
@settings(max_examples=150, deadline=None)
def test_no_step_is_left_without_an_answer_from_data(strategy: Strategy, script: list[Word]) -> None:
    for act, progress in played(strategy, script):
        if isinstance(act, MoveTraffic | DeployBatch) and act.step > 0:
            answer = progress.answer
            assert answer is not None
            assert answer.step == act.step - 1
            assert answer.kind not in (JudgeKind.ABORT, JudgeKind.HOLD)
            assert answer.used_ticks >= 1 or isinstance(strategy, BlueGreen)


@given(strategies(), st.lists(st.just(("silence", JudgeKind.GO, 0)), max_size=5))
@settings(max_examples=60, deadline=None)
def test_silence_alone_never_goes_beyond_the_first_step(strategy: Strategy, script: list[Word]) -> None:
    trace = played(strategy, script)
    steps = [act.step for act, _ in trace if isinstance(act, MoveTraffic | DeployBatch)]
    assert steps == [0]


@given(strategies(), words(), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_an_abort_wins_at_every_moment(strategy: Strategy, script: list[Word], later: int) -> None:
    for _, progress in played(strategy, script):
        stopped = aborted(progress, "stop")
        assert isinstance(next_act(strategy, stopped, progress.step_began_ms + later), Undo)
