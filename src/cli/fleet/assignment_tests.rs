//! How assignments follow from each other.

use super::{
    assignment::{Assignment, Wish},
    card::{Card, Seat, Stage},
};

/// A member that owns these partitions, of so many bars a second each.
fn card(name: &str, owns: &[(usize, f64)]) -> Card {
    let seat = |&(partition, rate): &(usize, f64)| (partition, Seat { stage: Stage::Owns, rate, why: None });
    Card {
        name: name.to_owned(),
        life: format!("{name}1"),
        process: String::new(),
        version: String::new(),
        leaving: false,
        partitions: owns.iter().map(seat).collect(),
    }
}

const FOLLOW: Wish<'_> = Wish::Follow { even: false };

fn owners(assignment: &Assignment) -> String {
    assignment.owners.iter().map(|owner| owner.as_deref().unwrap_or("-")).collect()
}

fn next(before: &Assignment, cards: &[Card], wish: Wish<'_>) -> Assignment {
    before.next(cards, wish).unwrap().unwrap_or_else(|| panic!("{before:?} stays as it is"))
}

fn refusal(before: &Assignment, cards: &[Card], wish: Wish<'_>) -> String {
    before.next(cards, wish).unwrap_err().to_string()
}

#[test]
fn members_come_and_go() {
    let one = next(&Assignment::none(4), &[card("a", &[])], FOLLOW);
    assert_eq!((owners(&one).as_str(), one.generation), ("aaaa", 1));
    assert_eq!(one.next(&[card("a", &[])], FOLLOW).unwrap(), None);
    let two = next(&one, &[card("a", &[]), card("b", &[])], FOLLOW);
    assert_eq!((two.of("a").len(), two.of("b").len(), two.generation), (2, 2, 2));
    let three = next(&two, &[card("b", &[])], FOLLOW);
    assert_eq!((owners(&three).as_str(), three.generation), ("bbbb", 3));
    assert_eq!(three.next(&[], FOLLOW).unwrap(), None);
    assert_eq!(Assignment::parse(&two.text(), 4), Some(two.clone()));
    assert_eq!(Assignment::parse(&two.text(), 5), None);
    assert_eq!(Assignment::parse(&two.text().replace("\"form\":1", "\"form\":2"), 4), None);
}

#[test]
fn loads_count_when_it_is_time_to_look_at_them() {
    let cards = [card("a", &[(0, 900.0), (1, 900.0)]), card("b", &[(2, 1.0), (3, 1.0)])];
    let two = next(&Assignment::none(4), &[card("a", &[]), card("b", &[])], FOLLOW);
    let mut settled = two.clone();
    settled.owners = ["a", "a", "b", "b"].map(|name| Some(name.to_owned())).into();
    assert_eq!(settled.next(&cards, FOLLOW).unwrap(), None, "not yet");
    let even = next(&settled, &cards, Wish::Follow { even: true });
    let heavy: Vec<_> = even.owners[..2].iter().flatten().collect();
    assert_ne!(heavy[0], heavy[1], "{even:?}");
    let leaving = [Card { leaving: true, ..cards[0].clone() }, cards[1].clone()];
    assert_eq!(owners(&next(&settled, &leaving, FOLLOW)), "bbbb", "one that is ending gives everything away");
}

#[test]
fn next_to_nothing_moves_no_partition() {
    let cards = [card("a", &[(0, 12.0), (1, 15.0)]), card("b", &[(2, 0.0)]), card("c", &[(3, 1.0)])];
    let mut settled = next(&Assignment::none(4), &cards, FOLLOW);
    settled.owners = ["a", "a", "b", "c"].map(|name| Some(name.to_owned())).into();
    assert_eq!(settled.next(&cards, Wish::Follow { even: true }).unwrap(), None);
    let gone = next(&settled, &cards[1..], FOLLOW);
    assert_eq!((gone.of("b").len(), gone.of("c").len()), (2, 2), "{gone:?}");
}

#[test]
fn what_is_placed_stays_until_it_is_rebalanced_or_its_member_has_gone() {
    let cards = [card("a", &[]), card("b", &[]), card("c", &[])];
    let mut placed = next(&Assignment::none(4), &cards, FOLLOW);
    for partition in 0..4 {
        placed = placed.next(&cards, Wish::Move(partition, "c")).unwrap().unwrap_or(placed);
    }
    assert_eq!(owners(&placed), "cccc");
    assert_eq!(placed.next(&cards, Wish::Follow { even: true }).unwrap(), None);
    let gone = next(&placed, &cards[..2], FOLLOW);
    assert_eq!((gone.of("a").len(), gone.of("b").len(), gone.placed.len()), (2, 2, 0));
    let even = next(&placed, &cards, Wish::Rebalance);
    assert_eq!((even.of("a").len(), even.of("b").len(), even.of("c").len()), (1, 1, 2), "{even:?}");
    assert!(even.placed.is_empty());
}

#[test]
fn one_that_is_drained_takes_nothing_in_this_life() {
    let cards = [card("a", &[]), card("b", &[])];
    let two = next(&Assignment::none(4), &cards, FOLLOW);
    let drained = next(&two, &cards, Wish::Drain("a"));
    assert_eq!(owners(&drained), "bbbb");
    assert_eq!(drained.next(&cards, Wish::Follow { even: true }).unwrap(), None);
    assert!(refusal(&drained, &cards, Wish::Drain("b")).contains("no other member takes partitions"));
    assert!(refusal(&drained, &cards, Wish::Move(0, "a")).contains("is drained"));
    let again = [Card { life: "a2".to_owned(), ..cards[0].clone() }, cards[1].clone()];
    let back = next(&drained, &again, FOLLOW);
    assert_eq!((back.of("a").len(), back.drained.len()), (2, 0));
}

#[test]
fn wishes_name_what_there_is() {
    let cards = [card("a", &[]), card("b", &[])];
    let two = next(&Assignment::none(4), &cards, FOLLOW);
    assert_eq!(refusal(&two, &cards, Wish::Move(4, "a")), "there is no partition 4: there are 4, counted from 0");
    assert_eq!(refusal(&two, &cards, Wish::Move(0, "x")), "no member is named \"x\"; there are: a, b");
    assert!(refusal(&two, &cards, Wish::Drain("x")).contains("there are: a, b"));
}
