from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.errors import MoveError, ThroughbandError
from throughband.people.rights import BRINGS, ROLES, Right, rights_of
from throughband.plan_life import (
    MOVES,
    MOVES_FIELD,
    Move,
    PlanMove,
    PlanState,
    moves_from,
    moves_in,
    next_state,
)


@given(st.sampled_from(PlanState), st.sampled_from(Move))
def test_a_move_leads_on_exactly_from_the_states_it_starts_from(
    state: PlanState, move: Move
) -> None:
    if move in moves_from(state):
        assert next_state(state, move) is MOVES[move].target
    else:
        with pytest.raises(MoveError, match=str(move)):
            next_state(state, move)


def test_no_plan_reaches_the_street_without_being_checked_approved_and_armed() -> None:
    def ways(state: PlanState, seen: tuple[PlanState, ...]) -> list[tuple[PlanState, ...]]:
        if state is PlanState.ACTIVE:
            return [seen]
        found = []
        for move in moves_from(state):
            target = MOVES[move].target
            if target not in seen:
                found += ways(target, (*seen, target))
        return found

    all_ways = ways(PlanState.DRAFT, (PlanState.DRAFT,))

    assert all_ways
    for way in all_ways:
        assert [
            state
            for state in way
            if state in (PlanState.CHECKED, PlanState.APPROVED, PlanState.ARMED)
        ] == [PlanState.CHECKED, PlanState.APPROVED, PlanState.ARMED]


def test_every_way_out_of_an_ended_life_is_a_rollback_of_what_replaced_it() -> None:
    ended = (PlanState.REJECTED, PlanState.EXPIRED, PlanState.ROLLED_BACK)

    assert [moves_from(state) for state in ended] == [(), (), ()]
    assert moves_from(PlanState.REPLACED) == (Move.RESTORE,)


def test_every_state_can_be_reached() -> None:
    targets = {rule.target for rule in MOVES.values()} | {PlanState.DRAFT}

    assert targets == set(PlanState)


@given(
    st.builds(
        PlanMove,
        st.text(),
        st.none() | st.sampled_from(Move),
        st.none() | st.sampled_from(PlanState),
        st.sampled_from(PlanState),
        st.integers(1, 10**6),
    )
)
def test_a_move_told_to_the_journal_is_read_back_as_it_was(move: PlanMove) -> None:
    assert moves_in({MOVES_FIELD: [move.to_dict()]}) == (move,)


@pytest.mark.parametrize(
    "entry", [{}, {"plan_id": "a"}, None, {"plan_id": "a", "move": "fly", "to": 1, "from": 2}]
)
def test_a_malformed_move_in_the_journal_is_refused_with_its_place(entry: object) -> None:
    with pytest.raises(ThroughbandError, match="entry 7 of the journal"):
        moves_in({"number": 7, MOVES_FIELD: [entry]})


def test_approving_and_operating_are_rights_of_their_own() -> None:
    assert Right.OPERATE not in BRINGS[Right.APPROVE]
    assert Right.APPROVE not in BRINGS[Right.OPERATE]
    assert BRINGS[Right.ADMINISTER].isdisjoint({Right.APPROVE, Right.OPERATE, Right.ENGINEER})


def test_rights_of_roles_add_up_and_bring_what_they_rest_on() -> None:
    assert rights_of(["approver", "operate"]) == {
        Right.VIEW, Right.ENGINEER, Right.APPROVE, Right.OPERATE,
    }  # fmt: skip
    assert all(Right.VIEW in rights for rights in ROLES.values())


def test_an_unknown_role_is_refused_with_those_there_are() -> None:
    with pytest.raises(ThroughbandError, match=r"'king' is neither.*viewer"):
        rights_of(["king"])
