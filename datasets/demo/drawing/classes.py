"""The classes of the demo: ImageNet's class index (0..999), WordNet id and name, and how each is drawn and posed.

Indices, WordNet ids and names are those of the ILSVRC2012 classification task, in the order of its usual class list
(synsets sorted by WordNet id).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets.demo.drawing import animals, balls, food, objects, patterns, vehicles
from datasets.demo.drawing.sketch import Sketch


@dataclass(frozen=True)
class Subject:
    """One class: `fill` is the range of its share of the shorter side, `turn` the greatest rotation in degrees."""

    class_index: int
    wordnet_id: str
    name: str
    draw: Callable[[np.random.Generator], Sketch]
    fill: tuple[float, float] = (0.55, 0.95)
    turn: float = 20.0
    flip: bool = True
    by_colour: bool = False


_FULL = (0.8, 1.45)

_ALL = (
    Subject(0, "n01440764", "tench", animals.tench, by_colour=True),
    Subject(1, "n01443537", "goldfish", animals.goldfish, by_colour=True),
    Subject(11, "n01531178", "goldfinch", animals.goldfinch, by_colour=True),
    Subject(12, "n01532829", "house finch", animals.house_finch, by_colour=True),
    Subject(14, "n01537544", "indigo bunting", animals.indigo_bunting, by_colour=True),
    Subject(15, "n01558993", "robin", animals.robin, by_colour=True),
    Subject(301, "n02165456", "ladybug", animals.ladybug, turn=180),
    Subject(321, "n02276258", "admiral", animals.admiral, turn=60, by_colour=True),
    Subject(323, "n02279972", "monarch butterfly", animals.monarch, turn=60, by_colour=True),
    Subject(325, "n02281406", "sulphur butterfly", animals.sulphur_butterfly, turn=60, by_colour=True),
    Subject(326, "n02281787", "lycaenid", animals.lycaenid, turn=60, by_colour=True),
    Subject(327, "n02317335", "starfish", animals.starfish, turn=180),
    Subject(340, "n02391049", "zebra", animals.zebra),
    Subject(398, "n02666196", "abacus", patterns.abacus, (0.7, 1.1)),
    Subject(409, "n02708093", "analog clock", objects.analog_clock, flip=False),
    Subject(417, "n02782093", "balloon", vehicles.balloon, turn=10),
    Subject(429, "n02799071", "baseball", balls.baseball, turn=180),
    Subject(430, "n02802426", "basketball", balls.basketball, turn=180, by_colour=True),
    Subject(437, "n02814860", "beacon", vehicles.beacon, turn=6),
    Subject(441, "n02823750", "beer glass", food.beer_glass, turn=8, by_colour=True),
    Subject(457, "n02883205", "bow tie", objects.bow_tie, turn=30),
    Subject(470, "n02948072", "candle", objects.candle, turn=6),
    Subject(508, "n03085013", "computer keyboard", patterns.computer_keyboard, (0.7, 1.1), flip=False),
    Subject(522, "n03134739", "croquet ball", balls.croquet_ball, by_colour=True),
    Subject(530, "n03196217", "digital clock", objects.digital_clock, flip=False),
    Subject(549, "n03291819", "envelope", objects.envelope, turn=40),
    Subject(555, "n03345487", "fire engine", vehicles.fire_engine, turn=8, by_colour=True),
    Subject(569, "n03417042", "garbage truck", vehicles.garbage_truck, turn=8, by_colour=True),
    Subject(574, "n03445777", "golf ball", balls.golf_ball, turn=90),
    Subject(599, "n03530642", "honeycomb", patterns.honeycomb, _FULL, turn=45),
    Subject(607, "n03590841", "jack-o'-lantern", balls.jack_o_lantern),
    Subject(646, "n03733281", "maze", patterns.maze, (0.7, 1.1)),
    Subject(701, "n03888257", "parachute", vehicles.parachute),
    Subject(722, "n03942813", "ping-pong ball", balls.ping_pong_ball, by_colour=True),
    Subject(723, "n03944341", "pinwheel", objects.pinwheel),
    Subject(734, "n03977966", "police van", vehicles.police_van, turn=8, flip=False, by_colour=True),
    Subject(779, "n04146614", "school bus", vehicles.school_bus, turn=8, flip=False, by_colour=True),
    Subject(805, "n04254680", "soccer ball", balls.soccer_ball, turn=90),
    Subject(815, "n04275548", "spider web", patterns.spider_web, (0.7, 1.1)),
    Subject(825, "n04326547", "stone wall", patterns.stone_wall, _FULL, turn=8),
    Subject(837, "n04356056", "sunglasses", objects.sunglasses, turn=30),
    Subject(852, "n04409515", "tennis ball", balls.tennis_ball, turn=180, by_colour=True),
    Subject(879, "n04507155", "umbrella", objects.umbrella),
    Subject(918, "n06785654", "crossword puzzle", patterns.crossword_puzzle, (0.7, 1.1), flip=False),
    Subject(919, "n06794110", "street sign", objects.street_sign, turn=8, flip=False),
    Subject(920, "n06874185", "traffic light", objects.traffic_light, turn=8),
    Subject(937, "n07714990", "broccoli", food.broccoli),
    Subject(945, "n07720875", "bell pepper", food.bell_pepper, turn=40),
    Subject(948, "n07742313", "Granny Smith", food.granny_smith, turn=60, by_colour=True),
    Subject(949, "n07745940", "strawberry", food.strawberry, turn=60),
    Subject(950, "n07747607", "orange", food.orange, turn=60, by_colour=True),
    Subject(951, "n07749582", "lemon", food.lemon, turn=90, by_colour=True),
    Subject(954, "n07753592", "banana", food.banana, turn=60),
    Subject(957, "n07768694", "pomegranate", food.pomegranate, turn=70, by_colour=True),
    Subject(963, "n07873807", "pizza", food.pizza, turn=180),
    Subject(966, "n07892512", "red wine", food.red_wine, turn=8, by_colour=True),
    Subject(980, "n09472597", "volcano", vehicles.volcano, turn=6),
    Subject(985, "n11939491", "daisy", objects.daisy, turn=60),
    Subject(992, "n12998815", "agaric", food.agaric, by_colour=True),
    Subject(997, "n13054560", "bolete", food.bolete, by_colour=True),
)

SUBJECTS: dict[int, Subject] = {subject.class_index: subject for subject in _ALL}
"""The subjects by class index."""
