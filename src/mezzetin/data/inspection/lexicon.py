"""The lexicon of themes: what pictures are of, told from the words of their captions.

Enters: a caption's tokens. Leaves: the themes that it names, as a bit mask. A lexicon of English word forms: it
counts what people wrote, so a picture whose captions leave the snow out is not counted as snow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: Languages with a lexicon, by their primary subtag (BCP 47).
LANGUAGES = frozenset({"en"})

# A theme's words; "living_room" is two words in a row.
_WORDS = {
    "man": "man men male males guy guys boyfriend husband father dad daddy grandfather groom gentleman gentlemen"
    " cowboy cowboys businessman fisherman fireman policeman salesman bearded",
    "woman": "woman women female females lady ladies girlfriend wife mother mom mommy grandmother bride"
    " bridesmaid bridesmaids ballerina actress waitress businesswoman",
    "child": "child children kid kids boy boys girl girls baby babies toddler toddlers infant infants schoolgirl"
    " schoolboy schoolchildren teen teens teenager teenagers teenage youngster youngsters little_leaguer",
    "crowd": "crowd crowds crowded audience spectators onlookers mob parade protesters demonstrators marchers"
    " large_group big_group many_people lots_of_people",
    "someone": "person persons people someone somebody individual individuals adult adults human humans couple"
    " couples family families friend friends player players rider riders skier skiers snowboarder snowboarders"
    " surfer surfers skateboarder skateboarders climber climbers hiker hikers biker bikers bicyclist bicyclists"
    " cyclist cyclists runner runners swimmer swimmers diver dancer dancers performer performers musician"
    " musicians worker workers soldier soldiers police officer officers fan fans pedestrian pedestrians singer"
    " guitarist artist tourist tourists student students teammate teammates opponent opponents cheerleader"
    " cheerleaders jogger motorcyclist wakeboarder kayaker rower acrobat gymnast pitcher batter catcher"
    " quarterback referee chef cook vendor clown",
    "dog": "dog dogs doggy puppy puppies pup pups greyhound greyhounds poodle poodles retriever retrievers collie"
    " terrier terriers dalmatian dachshund bulldog labrador lab husky huskies german_shepherd chihuahua pug"
    " spaniel rottweiler beagle corgi canine canines mutt hound",
    "cat": "cat cats kitten kittens kitty",
    "horse": "horse horses pony ponies horseback stallion mare foal colt bronco donkey donkeys mule mules",
    "bird": "bird birds seagull seagulls sea_gull sea_gulls gull gulls duck ducks duckling ducklings goose geese"
    " swan swans pigeon pigeons parrot parrots eagle eagles hawk owl owls heron chicken chickens rooster hen"
    " turkey penguin penguins flamingo flamingos pelican pelicans crow crows sparrow stork peacock ostrich",
    "other animal": "animal animals pet pets cow cows bull bulls calf cattle ox oxen sheep lamb lambs goat goats"
    " pig pigs piglet rabbit rabbits bunny squirrel squirrels deer elk moose bear bears fox wolf wolves lion lions"
    " tiger tigers elephant elephants giraffe giraffes zebra zebras monkey monkeys camel camels kangaroo fish"
    " fishes shark dolphin dolphins whale seal turtle turtles frog lizard snake snakes insect butterfly bee bees"
    " spider crab mouse rat hamster llama buffalo bison otter raccoon panda",
    "outdoors": "outdoor outdoors outside grass grassy lawn field fields meadow pasture park parks playground"
    " street streets road roads roadway highway sidewalk sidewalks alley path pathway trail trails dirt yard"
    " backyard garden forest woods wooded jungle tree trees bush bushes hill hills hillside hilltop mountain"
    " mountains mountainside mountaintop cliff cliffs canyon valley rock rocks rocky boulder boulders desert dune"
    " dunes sand sandy beach beaches shore shoreline coast ocean sea seaside lake lakes pond river rivers"
    " riverbank stream creek waterfall waves surf sky skies cloud clouds cloudy sunset sunrise sun sunny rain"
    " rainy snow snowy snowbank slope slopes farm countryside rural campsite campfire tent bridge dock pier harbor"
    " crosswalk intersection plaza courtyard porch patio skyline rooftop mud muddy puddle leaves flowers bench"
    " fountain glacier ski_lift baseball_field soccer_field",
    "indoors": "indoor indoors room rooms bedroom kitchen bathroom living_room dining_room classroom hallway"
    " corridor office couch sofa bed beds bunk crib carpet carpeted rug floor floors ceiling mattress pillow"
    " pillows bathtub tub sink stove oven refrigerator restaurant cafeteria library museum gym gymnasium desk"
    " computer laptop television tv recliner armchair fireplace closet lobby elevator escalator auditorium"
    " nightclub indoor_pool supermarket laundry",
    "snow and winter": "snow snowy snowing snowball snowballs snowman snowbank snowdrift snowsuit snowshoes"
    " snowboard snowboards snowboarder snowboarders snowboarding snowmobile winter wintry ski skis skier skiers"
    " skiing sled sleds sledding sleigh toboggan icy frozen frosty glacier iceberg igloo ice_skating ice_skate"
    " ice_skates ice_skater ice_skaters snow_covered snow-covered parka mittens christmas",
    "summer": "summer sunny sunshine sunbathe sunbathing sunbather sunbathers bikini bikinis swimsuit swimsuits"
    " swimwear bathing_suit bathing_suits swim_suit swim_trunks swimming_trunks beach beaches beachgoers"
    " sandcastle sunscreen sandals flip_flops beach_ball beach_chair popsicle",
    "water": "water waters underwater ocean sea lake lakes pond pool pools river rivers stream creek wave waves"
    " surf surfing surfboard surfboards surfer surfers swim swims swimming swimmer swimmers splash splashes"
    " splashing waterfall fountain fountains puddle puddles beach beaches shore shoreline kayak kayaks kayaker"
    " kayaking canoe canoes canoeing raft rafting boat boats sailboat wakeboard wakeboarder wakeboarding waterski"
    " water_skiing water_ski harbor dock pier wading snorkeling scuba sprinkler sprinklers",
    "sport": "sport sports soccer football basketball baseball softball volleyball tennis hockey rugby lacrosse"
    " golf cricket badminton karate boxing wrestling gymnastics racing race races racer skateboard skateboards"
    " skateboarder skateboarders skateboarding skating skater skaters skates snowboard snowboards snowboarder"
    " snowboarders snowboarding ski skis skier skiers skiing surfing surfer surfers surfboard wakeboarding"
    " wakeboarder kayaking climber climbers climbing rock_climbing cyclist cyclists bicyclist bicyclists biker"
    " bikers bmx motocross runner runners jogging jogger team teams teammate player players goalie goalkeeper"
    " quarterback pitcher batter dribbling dribbles dunk stadium athlete athletes rodeo parachute parasailing"
    " bungee bowling frisbee halfpipe skatepark skate_park ice_skating swimmer swimmers diving_board tackle"
    " tackled tackling",
    "vehicle": "vehicle vehicles car cars truck trucks van bus buses taxi cab train trains tram trolley subway"
    " motorcycle motorcycles motorbike motorbikes dirt_bike dirt_bikes scooter scooters moped bike bikes bicycle"
    " bicycles tricycle unicycle atv jeep suv tractor tractors ambulance firetruck limousine airplane airplanes"
    " plane planes aircraft jet helicopter boat boats sailboat ship ships ferry canoe canoes kayak kayaks raft"
    " speedboat go-kart snowmobile wagon carriage rickshaw bulldozer forklift",
    "food": "food foods meal lunch dinner breakfast picnic eat eats eating ate feed feeding drink drinks drinking"
    " bread sandwich sandwiches pizza burger hamburger cake cupcake cupcakes cookie cookies candy chocolate"
    " ice_cream popsicle lollipop fruit fruits apple apples banana bananas watermelon vegetable vegetables corn"
    " salad soup noodles pasta spaghetti rice cheese egg eggs meat barbecue bbq grill grilling cooking cooks bake"
    " baking snack snacks beer wine coffee tea juice soda restaurant popcorn pie donut doughnut cotton_candy",
    "night": "night nighttime evening dusk dark darkness nightclub moon moonlight fireworks campfire bonfire"
    " lit_up neon streetlight street_light lantern",
    "city": "city cities urban downtown town street streets sidewalk sidewalks crosswalk intersection traffic"
    " traffic_light skyscraper skyscrapers skyline building buildings alley plaza subway bus buses taxi storefront"
    " storefronts graffiti pedestrian pedestrians",
}
#: Two words in a row that mean something else than either: they count as these themes and no other.
_INSTEAD = {
    "food": "hot_dog hot_dogs",
    "indoors": "pool_table fish_tank bowling_alley rock_band rock_concert",
    "outdoors": "forest_floor jungle_floor flower_bed flower_beds sand_box",
    "snow and winter": "christmas_tree christmas_trees",
    "vehicle": "truck_bed",
    "": "stuffed_animal stuffed_animals stuffed_bear stuffed_dog teddy_bear teddy_bears rocking_horse toy_car toy_cars"
    " toy_truck toy_dog bed_of water_bottle water_bottles rock_star bird_bath",
}

# A theme that holds others: whatever names one of those names it too.
_WIDER = {
    "people": ("man", "woman", "child", "crowd", "someone"),
    "animals": ("dog", "cat", "horse", "bird", "other animal"),
}
#: The themes in the order in which they are shown; a theme's bit in a mask is its position.
THEMES = (
    *("people", "man", "woman", "child", "crowd"),
    *("animals", "dog", "cat", "horse", "bird", "other animal"),
    *("outdoors", "indoors", "city", "water", "night", "snow and winter", "summer"),
    *("sport", "vehicle", "food"),
)
#: Those that are part of a wider one.
PARTS = {part: whole for whole, parts in _WIDER.items() for part in parts}


def has_lexicon(language: str) -> bool:
    """Say whether themes can be told in a language (BCP 47)."""
    return language.lower().partition("-")[0] in LANGUAGES


def theme_mask(tokens: Sequence[str]) -> int:
    """Return the themes that a tokenised English caption names: bit n stands for `THEMES[n]`."""
    mask = position = 0
    while position < len(tokens):
        token, step = tokens[position], 1
        mask_of_one = _MASKS.get(token, 0)
        if token in _STARTS:
            two, three = (" ".join(tokens[position : position + words]) for words in (2, 3))
            if two in _INSTEAD_MASKS:
                mask_of_one, step = _INSTEAD_MASKS[two], 2
            else:
                mask |= _MASKS.get(two, 0) | _MASKS.get(three, 0)
        mask |= mask_of_one
        position += step
    return mask


def themes_in(mask: int) -> list[int]:
    """Return the positions in `THEMES` of the bits that are set."""
    return [number for number in range(len(THEMES)) if mask >> number & 1]


def _masks(lexicon: Mapping[str, str]) -> dict[str, int]:
    masks: dict[str, int] = {}
    bits = {theme: 1 << number for number, theme in enumerate(THEMES)}
    for theme, words in lexicon.items():
        mask = bits.get(theme, 0) | bits.get(PARTS.get(theme, ""), 0)
        for word in words.split():
            spaced = word.replace("_", " ")
            masks[spaced] = masks.get(spaced, 0) | mask
    return masks


_MASKS = _masks(_WORDS)
_INSTEAD_MASKS = _masks(_INSTEAD)
_STARTS = frozenset(phrase.split()[0] for phrase in (*_MASKS, *_INSTEAD_MASKS) if " " in phrase)
