"""What `kinds_compose.py` writes about the sources of sounds, and into pages beside what they are about."""

from __future__ import annotations

from pathlib import Path

# Label of ESC-50 or UrbanSound8K -> the words of the query for its sound: "the sound of ...".
SOUNDS = {
    "air conditioner": "an air conditioner humming", "airplane": "an airplane flying by",
    "breathing": "a person breathing", "brushing teeth": "somebody brushing their teeth",
    "can opening": "a can being opened", "car horn": "a car horn honking", "cat": "a cat meowing",
    "chainsaw": "a chainsaw", "children playing": "children playing outside", "chirping birds": "birds chirping",
    "church bells": "church bells ringing", "clapping": "people clapping", "clock alarm": "an alarm clock ringing",
    "clock tick": "a clock ticking", "coughing": "a person coughing", "cow": "a cow mooing",
    "crackling fire": "a crackling fire", "crickets": "crickets chirping at night", "crow": "a crow cawing",
    "crying baby": "a baby crying", "dog": "a dog barking", "door wood creaks": "a wooden door creaking",
    "door wood knock": "a knock on a wooden door", "drilling": "a drill",
    "drinking sipping": "somebody sipping a drink", "engine": "an engine running", "fireworks": "fireworks",
    "footsteps": "footsteps", "frog": "a frog croaking", "glass breaking": "glass breaking", "gun shot": "a gun shot",
    "hand saw": "a hand saw cutting wood", "helicopter": "a helicopter", "hen": "a hen clucking",
    "insects": "insects buzzing", "jackhammer": "a jackhammer", "keyboard typing": "somebody typing on a keyboard",
    "laughing": "people laughing", "mouse click": "clicks of a computer mouse", "pig": "a pig oinking",
    "pouring water": "water being poured", "rain": "rain falling", "rooster": "a rooster crowing",
    "sea waves": "waves of the sea", "sheep": "a sheep bleating", "siren": "a siren", "sneezing": "a person sneezing",
    "snoring": "a person snoring", "street music": "music in the street", "thunderstorm": "a thunderstorm",
    "toilet flush": "a toilet being flushed", "train": "a train passing", "vacuum cleaner": "a vacuum cleaner",
    "washing machine": "a washing machine", "water drops": "dripping water", "wind": "the wind blowing",
}  # fmt: skip

# The two collections name some sources differently.
SAME = {"dog bark": "dog", "engine idling": "engine"}

# Label -> what is said of the source: a sentence for each side of the set.
SOURCES = {
    "airplane": ("An airplane crosses the sky above the house.", "The passenger jet takes off from the runway."),
    "breathing": ("The runner stands and breathes deeply.", "Breathe in through the nose, out through the mouth."),
    "brushing teeth": ("She brushes her teeth in front of the mirror.", "A toothbrush scrubs back and forth."),
    "can opening": ("He opens a can of soda.", "The ring of the beer can is pulled and it fizzes."),
    "car horn": ("A driver honks the horn of his car.", "Cars hoot at each other in the traffic jam."),
    "cat": ("The cat meows in front of its bowl.", "A kitten mews on the sofa."),
    "chainsaw": ("A lumberjack starts the chainsaw.", "The tree is felled with a motor saw."),
    "chirping birds": ("Small birds chirp in the tree.", "A songbird sings on a branch."),
    "church bells": ("The bells of the church ring on Sunday.", "A large bell tolls in the tower."),
    "clapping": ("The audience claps.", "Everybody applauds and claps their hands."),
    "clock alarm": ("The alarm clock rings at six.", "A digital clock beeps to wake him."),
    "clock tick": ("The old clock ticks on the wall.", "A watch ticks every second."),
    "cow": ("A cow moos in the meadow.", "The cattle low in front of the barn."),
    "crackling fire": ("The campfire crackles.", "Logs burn and snap in the flames."),
    "crying baby": ("The baby cries in its cot.", "An infant screams and weeps."),
    "dog": ("A dog barks at the gate.", "The hound in the yard barks loudly."),
    "door wood creaks": ("The old wooden door creaks as it opens.", "The hinges of the door squeak."),
    "drinking sipping": ("He sips his hot tea.", "A woman drinks from a glass."),
    "engine": ("The engine of the car is running.", "A motor idles under the bonnet."),
    "fireworks": ("Fireworks explode over the city at night.", "Rockets burst in the sky on New Year's Eve."),
    "footsteps": ("Somebody walks up the stairs.", "Steps of shoes on the gravel path."),
    "frog": ("A frog croaks by the pond.", "Toads call in the water."),
    "helicopter": ("A helicopter hovers above the field.", "The rotor of the chopper whirls."),
    "hen": ("A hen clucks in the coop.", "Chickens cackle in the farmyard."),
    "insects": ("Insects buzz around the flowers.", "A fly hums at the window."),
    "keyboard typing": ("She types on the keyboard of her computer.", "Fingers tap the keys of a laptop."),
    "laughing": ("The friends laugh at the joke.", "A woman giggles and laughs."),
    "mouse click": ("He clicks with the computer mouse.", "A click on the mouse button opens the file."),
    "pig": ("A pig grunts in the mud.", "The piglets squeal and oink in the sty."),
    "pouring water": ("Water is poured into a glass.", "She pours from the jug."),
    "rain": ("Rain falls on the roof.", "It is raining heavily in the street."),
    "rooster": ("The rooster crows at dawn.", "A cock with a red comb crows on the fence."),
    "sea waves": ("Waves of the sea break on the beach.", "The surf of the ocean washes over the rocks."),
    "sheep": ("The sheep bleats on the hill.", "A flock of lambs baas in the pasture."),
    "siren": ("An ambulance passes with its siren on.", "The siren of the police car wails."),
    "snoring": ("The man snores in his sleep.", "Somebody is asleep and snoring loudly."),
    "toilet flush": ("The toilet is flushed.", "Water rushes down in the lavatory."),
    "train": ("A train rolls over the rails.", "The locomotive enters the station."),
    "vacuum cleaner": ("The vacuum cleaner runs over the carpet.", "She hoovers the floor."),
    "washing machine": ("The washing machine spins the laundry.", "Clothes turn in the drum of the washer."),
}  # fmt: skip

# Headings of sections that are about a scene or a source, for each side; they say nothing of it.
HEADINGS = (
    ("Seen lately", "From the album", "By the way", "In passing", "Odds and ends", "Left over", "Unsorted",
     "Miscellany", "Set aside", "To be filed", "Without comment", "Found again"),
    ("Another one", "For the record", "As promised", "Kept for later", "Last but not least", "In between", "Picked up",
     "Of interest", "Loose leaf", "Interlude", "Further on", "Postscript"),
)  # fmt: skip


def prose() -> list[list[tuple[str, str]]]:
    """(heading, text) of sections that have nothing to do with any picture or sound, or with the other side."""
    sides = Path(__file__).with_name("kinds_prose.txt").read_text(encoding="utf-8").strip().split("\n\n")
    cut = [[line.partition(": ") for line in side.splitlines()] for side in sides]
    return [[(heading, text) for heading, _, text in side] for side in cut]
