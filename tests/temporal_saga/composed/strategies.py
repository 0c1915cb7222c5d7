"""How sagas are composed: mostly calm, with a little trouble anywhere."""

from itertools import count

from hypothesis import strategies as st

from tests.temporal_saga.composed.plan import (
    HARMLESS,
    STUCK,
    UNANSWERED,
    Cancel,
    Finish,
    Forward,
    Lasting,
    Plan,
    Step,
)

MOST_GROUPS = 3
MOST_BRANCHES = 3
MOST_FINISHES = 2
MOST_FINISH_BRANCHES = 2
MOST_TROUBLES = 2
MOST_CANCELS = 2

harmless: st.SearchStrategy[Forward] = st.sampled_from(["done", *HARMLESS])
troubles: st.SearchStrategy[Forward] = st.sampled_from(["refused", "refused", *UNANSWERED])
lasting: st.SearchStrategy[Lasting] = st.sampled_from(["done", *HARMLESS, *STUCK])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Compose a saga."""
    numbers = count(1)
    sizes = draw(st.lists(st.integers(1, MOST_BRANCHES), min_size=1, max_size=MOST_GROUPS))
    trouble = draw(st.dictionaries(st.integers(1, sum(sizes)), troubles, max_size=MOST_TROUBLES))

    def step() -> Step:
        number = next(numbers)
        return Step(
            number=number,
            is_twin=draw(st.booleans()),
            forward=trouble.get(number) or draw(harmless),
            back=draw(lasting),
        )

    groups = tuple(tuple(step() for _ in range(size)) for size in sizes)
    finishes = draw(st.lists(st.integers(1, MOST_FINISH_BRANCHES), max_size=MOST_FINISHES))
    finish = tuple(
        tuple(
            Finish(number=next(numbers), is_twin=draw(st.booleans()), fares=draw(lasting))
            for _ in range(size)
        )
        for size in finishes
    )
    plan = Plan(groups=groups, finish=finish, closing=draw(st.none() | lasting))
    return plan.model_copy(
        update={"cancels": tuple(draw(st.lists(cancels(plan), max_size=MOST_CANCELS)))}
    )


def cancels(plan: Plan) -> st.SearchStrategy[Cancel]:
    """Compose a cancel at any of a plan's commands, or before the first."""
    return st.builds(
        Cancel,
        at=st.sampled_from(["start", *plan.names]),
        way=st.sampled_from(["signal", "temporal"]),
        times=st.integers(1, 2),
        together=st.booleans(),
    )
