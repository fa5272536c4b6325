"""The words of gender-neutral English: what is said for what, and the small classes of words that tell how.

Titles and roles (king, princess, nun), names (Spiderman, Santa) and animals are left as they are.
"""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NOUNS = {
    "person": "man woman lady guy gentleman gentlewoman dude bloke gal fella",
    "child": "boy girl lad lass son daughter tomboy",
    "schoolchild": "schoolboy schoolgirl",
    "parent": "mother father mom dad mum mommy daddy mama papa",
    "sibling": "brother sister",
    "spouse": "wife husband",
    "partner": "boyfriend girlfriend",
    "grandparent": "grandmother grandfather grandma grandpa granny",
    "grandchild": "grandson granddaughter",
    "relative": "uncle aunt nephew niece",
    "newlywed": "bride groom bridegroom",
    "wedding attendant": "bridesmaid groomsman",
    "police officer": "policeman policewoman",
    "firefighter": "fireman firewoman",
    "fisher": "fisherman fisherwoman",
    "camera operator": "cameraman camerawoman",
    "mail carrier": "mailman postman",
    "flight attendant": "stewardess",
    "server": "waiter waitress",
    "actor": "actress",
    "host": "hostess",
    "hero": "heroine",
    "ballet dancer": "ballerina",
    "batter": "batsman",
    "base player": "baseman",
    "rower": "oarsman",
    "sharpshooter": "marksman",
    "stunt performer": "stuntman stuntwoman",
    "rodeo rider": "cowboy cowgirl",
    "horse rider": "horseman horsewoman",
    "crew member": "crewman",
    "military member": "serviceman servicewoman",
    "construction worker": "workman",
    "repairer": "repairman handyman",
    "garbage collector": "garbageman binman",
    "deliverer": "deliveryman",
    "artisan": "craftsman craftswoman",
    "guard": "watchman",
    "porter": "doorman",
    "supervisor": "foreman",
    "businessperson": "businessman businesswoman",
    "salesperson": "salesman saleswoman",
    "sportsperson": "sportsman sportswoman",
    "spokesperson": "spokesman spokeswoman",
}
_PLURALS = {
    "baby": "babies",
    "lady": "ladies",
    "lass": "lasses",
    "granny": "grannies",
    "hero": "heroes",
    "wife": "wives",
}


def plural_of(noun: str) -> str:
    """The plural of a noun of the lexicon."""
    for one, many in (("person", "people"), ("child", "children"), ("man", "men")):
        if noun.endswith(one):
            return noun.removesuffix(one) + many
    return _PLURALS.get(noun, noun + ("es" if noun.endswith("ss") else "s"))


#: A gendered word to its neutral singular; whether it is a plural is told by which of the two it stands in.
ONE = {word: neutral for neutral, words in _NOUNS.items() for word in words.split()}
MANY = {plural_of(word): neutral for word, neutral in ONE.items()}
#: Neutral words that a rewritten one may meet in the same caption.
NEUTRAL_ONE = {neutral: neutral for neutral in ("person", "child", "parent", "sibling")}
NEUTRAL_MANY = {plural_of(neutral): neutral for neutral in NEUTRAL_ONE}
#: Possessives without their apostrophe, as people type them.
TYPED = {
    "mans": "person 's",
    "womans": "person 's",
    "mens": "people 's",
    "womens": "people 's",
}
PHRASES = {
    ("best", "man"): "wedding attendant",
    ("flower", "girl"): "flower bearer",
    ("flower", "girls"): "flower bearers",
    ("maid", "of", "honor"): "wedding attendant",
    ("maid", "of", "honour"): "wedding attendant",
    ("he", "or", "she"): "they",
    ("she", "or", "he"): "they",
    ("his", "or", "her"): "their",
    ("her", "or", "his"): "their",
    ("him", "or", "her"): "them",
    ("her", "or", "him"): "them",
}
SLASHED = {"he/she": "they", "she/he": "they", "s/he": "they", "his/her": "their", "her/his": "their"}

#: "Spider man" is a name; "cowboy hat" a kind of hat; "lady bug" an animal.
_NAMES = "bat cat gingerbread iron michelin rocket spider stick super"
NOT_AFTER = {
    "man": _set(_NAMES),
    "woman": _set("bat cat super wonder"),
    "girl": _set("bat super"),
}
_COWBOY = _set("bar boot boots costume gear hat hats outfit outfits shirt shirts")
NOT_BEFORE = {
    "cowboy": _COWBOY,
    "cowgirl": _COWBOY,
    "lady": _set("bug bugs liberty"),
    "man": _set("hole holes made"),
    "guy": _set("wire wires"),
}
#: "A baby boy" is a baby.
YOUNG = {"baby": "baby", "toddler": "toddler", "infant": "infant", "teenage": "teenager", "teen": "teenager"}

ARTICLES = _set("a an")
POSSESSIVES = _set("his her their its my your our")
_COUNT = "zero one two three four five six seven eight nine ten eleven twelve"
NUMBERS = _COUNT.split()
PARTICLES = _set("up down off out away around back over along by past")
_PREPOSITIONS = (
    "about above across after against alongside among amongst at atop before behind below beneath beside besides "
    "between beyond down during for from in inside into like near next of off on onto out outside over past "
    "through to toward towards under underneath until up upon via while whilst with within without"
)
_OTHERS = (
    "a an the and or but nor as if because so than that which who whose when where is are was were be been being am "
    "has have had do does did can could will would shall should may might must not no some several many two three "
    "this these those both all each another any it he she they him them his its their there here too also very "
    "together away around along by"
)
#: Words that stand in for no noun and no adjective: before them a noun phrase has ended.
FUNCTION = _set(f"{_PREPOSITIONS} {_OTHERS}")
ANIMALS = _set(
    "animal animals bird birds bull bulls cat cats cow cows deer dog dogs duck ducks elephant elephants goat goats "
    "horse horses lion lions monkey monkeys pup puppy puppies retriever shepherd swan swans tiger"
)
SPORTS = _set(
    "athletics badminton baseball basketball beach bmx bowling boxing cricket cycling field football golf gymnastics "
    "hockey lacrosse polo rugby skating ski soccer softball swimming tennis track volleyball wrestling"
)
EVENTS = SPORTS | _set("bathroom competition event game games league match race restroom team teams toilet tournament")
_AGENTS = (
    "acrobat artist athlete batter bicyclist biker bowler boxer catcher cheerleader climber cyclist dancer diver dj "
    "doctor driver drummer fencer footballer goalie golfer guitarist gymnast hiker jogger judge juggler kayaker "
    "lifeguard model motorcyclist musician nurse officer performer photographer pitcher player pole-vaulter racer "
    "referee rider rollerblader rower runner scientist scout singer skateboarder skater skier snowboarder soldier "
    "student surfer swimmer teacher teenager toddler tourist vendor volleyballer waterskier worker wrestler"
)
#: "A woman runner" is a runner.
AGENTS = _set(_AGENTS) | {f"{agent}s" for agent in _AGENTS.split()}

_VERBS = (
    "appear approach attempt balance begin bend bite blow bounce carry catch chase cheer chew clap climb come cook "
    "crawl cross crouch dance dig dive dribble drink drive eat embrace enjoy enter fall fetch fight fish fix flip "
    "float fly follow get give go grab grin grind hang have help hike hit hold hug jog jump keep kick kiss kneel "
    "land laugh lay lead lean leap learn leave lick lie lift listen look make march move navigate open paddle paint "
    "pass pedal perform pet photograph pick play point pose prepare push pull put race raise reach read relax rest "
    "ride roll run sail see sell serve shake shoot show shovel sing sip sit skate skateboard ski sleep slide smile "
    "smoke snowboard spin splash spray stand stare step stop stretch surf swim swing take talk tend throw touch "
    "travel try turn use wade wait walk wash watch wave wear work wrestle write yell"
)
BASE_VERBS = _set(_VERBS)
_IRREGULAR_VERBS = {
    "is": "are",
    "was": "were",
    "has": "have",
    "does": "do",
    "'s": "'re",
    "goes": "go",
    "lies": "lie",
    "ties": "tie",
    "dies": "die",
    "focuses": "focus",
}
_NO_VERBS = _set("across always as besides his its perhaps sometimes this towards")


def base_form(verb: str) -> str | None:
    """The form that goes with "they" of a verb that goes with "she"; None for what is no such verb.

    >>> base_form("catches"), base_form("carries"), base_form("rides"), base_form("across")
    ('catch', 'carry', 'ride', None)
    """
    if verb in _IRREGULAR_VERBS:
        return _IRREGULAR_VERBS[verb]
    if not verb.endswith("s") or verb.endswith("ss") or verb in _NO_VERBS or len(verb) < 4:
        return None
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    return verb[:-2] if verb.endswith(("sses", "shes", "ches", "xes", "zzes")) else verb[:-1]


def is_verb(word: str) -> bool:
    """Whether a word is surely a verb in the form that goes with "she"."""
    return word in _IRREGULAR_VERBS or base_form(word) in BASE_VERBS
