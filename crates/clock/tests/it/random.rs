use clock::random::draw;
use rand::Rng as _;

#[test]
fn the_same_step_draws_the_same() {
    let once: [u8; 16] = draw(7, "browser 3", 1).r#gen();
    let again: [u8; 16] = draw(7, "browser 3", "1").r#gen();

    assert_eq!(once, again);
}

#[test]
fn seed_actor_and_step_each_make_another_draw() {
    let one: [u8; 16] = draw(7, "browser 3", 1).r#gen();

    for other in [
        draw(8, "browser 3", 1),
        draw(7, "browser 4", 1),
        draw(7, "browser 3", 2),
        draw(7, "browser ", "31"),
    ] {
        let mut other = other;
        assert_ne!(one, other.r#gen::<[u8; 16]>());
    }
}
