from __future__ import annotations

from harness.report.facts.per_image import PerImage, per_image
from harness.report.html.gallery import by_importance, cards, chosen_rows
from tests.report import records, synthetic
from tests.report.records import record, table


def _images(rows: list[dict[str, object]] | None = None) -> PerImage:
    images = per_image(record(), table(rows=rows))
    assert images is not None
    return images


def test_largest_loss_first() -> None:
    found = cards(_images(), [("tf", "ir")])
    assert [(card["id"], card["kind"], card["loss"]) for card in found] == [
        ("broken.jpg", "broken", 0.375),
        ("fixed.jpg", "fixed", -0.25),
    ]
    assert found[0]["before"][0] == [7, 0.625]
    assert found[0]["after"][0] == [8, 0.5]
    assert len(found[0]["after"]) == 3  # places without a class are left out


def test_places_left_over_go_to_the_other_kinds() -> None:
    images = _images(records.bf16_images())
    assert len(chosen_rows(images, "tf", "ir", 100)) == 16
    eight = [images.image_ids[row] for row in chosen_rows(images, "tf", "ir", 8)]
    assert sum(name.startswith("broken") for name in eight) == 4
    assert sum(name.startswith("fixed") for name in eight) == 2
    assert eight[0] == "broken-1.jpg"  # lost 0.25, the most


def test_no_flip_no_card() -> None:
    same = [{"image_id": "a", "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (1, 0.5, 0.5, 1, 0.0)}]
    assert cards(_images(same), [("tf", "ir")]) == []
    assert by_importance([]) == []


def test_many_candidates_share_the_places_and_take_turns() -> None:
    run, predictions = synthetic.run(3000, candidates=12)
    images = per_image(run, predictions)
    assert images is not None
    pairs = [("tf", part.id) for part in run.models[1:]]
    found = cards(images, pairs)
    assert len(found) == 12 * 12
    firsts = {next(card["id"] for card in found if card["candidate"] == name) for _, name in pairs}
    assert set(by_importance(found)[: len(firsts)]) == firsts
