"""English words that are no nouns in a caption, or only sometimes; a word in none of these lists may be a noun."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: A noun phrase begins with one of these, or after it.
OPENING = _words(
    "a an the this these those some any no each every another both several many few all his her its their my your our "
    "whose one two three four five six seven eight nine ten eleven twelve dozen 's in on at of with from into onto "
    "for through across along under beside between toward towards during against atop amid amidst among amongst "
    "without within upon beyond like near behind before after above over around about below beneath inside outside "
    "underneath past by alongside via per plus"
)
#: Of these, what says that one thing follows.
SINGULAR = _words("a an one each every another")

#: Places within a picture, measures and kinds, which are no things.
_PLACES = _words(
    "top bottom front rear side sides middle center centre edge end background foreground midst distance direction "
    "group groups bunch pair pairs couple set lot lots kind kinds sort type types number piece pieces part parts way "
    "thing things item items variety amount rest view views picture pictures photo photos photograph photographs "
    "image images close-up closeup shot camera day days night time times moment"
)
#: Neither nouns nor the beginning of a phrase.
OTHER = _PLACES | _words(
    "is are was were be been being am has have had having do does did doing done can could will would shall should "
    "may might must that to and or up down off out though although 'm 're 've 'll 'd n't not but nor while whilst "
    "whist as because if than which who whom when where what how so then i you he she it we they him me us them "
    "himself herself itself themselves each other others everything everyone everybody nothing nobody something "
    "someone somebody anything anyone very too also just only still again almost away together apart alone aside "
    "ahead back forward forwards backward backwards upward upwards downward downwards sideways upside upside-down "
    "downhill uphill outdoors indoors overhead nearby there here now soon once twice maybe perhaps even ever never "
    "always often much more most less least such same else either neither instead yet already apiece aboard ashore "
    "abroad asleep awake afloat aloft midair mid-air airborne"
)

#: They stand before a noun, and what follows them may be one.
ADJECTIVES = _words(
    "black white brown red blue green yellow orange pink purple grey gray tan beige gold golden silver blond blonde "
    "dark light bright pale colorful colourful colored coloured multicolored multi-colored striped plaid reddish "
    "turquoise maroon teal khaki big small large little tiny huge giant massive tall short long high low deep shallow "
    "wide narrow thick thin fat skinny heavy young old elderly older younger aged new wet dry muddy dirty dusty sandy "
    "rocky snowy snow-covered icy grassy leafy wooded rainy sunny cloudy foggy misty windy stormy clear clean empty "
    "full open closed wooden metal metallic concrete stone brick plastic leather denim woollen wool steep flat rough "
    "smooth calm choppy busy crowded quiet loud happy sad angry cute beautiful pretty lovely nice good bad great "
    "funny silly strange odd unusual fancy formal elegant casual male female human asian african african-american "
    "american european chinese japanese indian german french english irish australian mexican oriental bald bearded "
    "hairy furry fluffy shaggy curly bare naked nude topless shirtless barefoot shoeless hooded sleeveless homeless "
    "wild stray domestic public private urban rural suburban indoor outdoor industrial modern ancient medieval "
    "traditional native religious professional military different similar identical various numerous multiple single "
    "double lone solitary entire whole half last first second third next upper lower inner outer main left right "
    "opposite far close distant strong weak fast slow hot cold warm cool frozen fresh raw ripe round square circular "
    "rectangular sharp blurry soft hard tight loose broken old-fashioned electric electronic mechanical digital "
    "inflatable portable artificial fake real stuffed plain simple dim shiny glossy transparent safe dangerous "
    "extreme hilly mountainous tropical red-haired dark-haired long-haired short-haired dark-skinned middle-aged own "
    "sized teenage smaller larger bigger taller higher exotic murky skimpy sheer inline reflective dead natural "
    "current official eastern western northern southern used bouncy high-rise low-rise see-through ready able "
    "available interested"
)

#: Verbs of captions by their stems; their forms are made. After an opening word or an adjective such a form may be a
#: noun all the same ("a slide", "the waves"), unless it ends in -ing or -ed.
VERBS = _words(
    "aim appear approach argue arrive ask attack attempt bark bathe battle beg begin bend bike bite blow board bounce "
    "bound bow bowl box break bring brush build burn buy call carry cast catch celebrate charge chase chat check "
    "cheer chew chop clap clean cling climb collect come compete consider contain converse cook cool cover crash "
    "crawl create cross crouch cruise cry cuddle cut dance dangle dash decorate defend demonstrate descend dig dine "
    "dip direct discuss display dive do drag draw dress dribble drift drill drink drive drop dry dump dunk eat "
    "embrace emerge engage enjoy enter examine exercise exit explore extend face fall feature feed fetch fight fill "
    "film fish fit fix flap flip float fly focus fold follow frolic gallop gather gaze gesture get give glance glide "
    "gnaw go grab graze greet grill grin grind grip groom grow growl guard guide hang haul have head help herd hide "
    "hike hit hold hop hover howl hug hunt hurdle hurry include inspect interact jog join juggle jump kayak keep kick "
    "kiss kneel knit knock land laugh lay lead lean leap leave lick lie lift line listen look lounge lunge make march "
    "match measure meet mingle mount move mow nap navigate observe offer operate overlook pace paddle paint parade "
    "parasail park participate pass pat pause pedal peek peer perch perform pet pick pile pitch place plant play "
    "point poke pop pose pounce pour practice practise pray prepare present pretend protest pull punch purchase push "
    "put race raft raise ram reach read receive recline reflect relax remove repair rescue rest retrieve return ride "
    "roam roast roll rollerblade rollerskate romp row rub run rush sail salute say scale scoot score scramble scratch "
    "scream seat see seem sell serve set sew shake share shave shine shoot shop shout shovel show sing sip sit skate "
    "skateboard ski skip skydive sled sleep slide smell smile smoke snatch sniff snorkel snow snowboard snuggle soak "
    "soar socialize spar speak speed spell spend spin splash spray sprint squat squirt stand stare start stay steer "
    "step stick stir stop straddle stretch stroll strum stumble sunbathe surf surround swim swing tackle take talk "
    "tap taste teach tear tease tend throw tie toss touch tow travel trot try tube tug tumble turn twirl twist type "
    "use visit vault wade wag wait wakeboard walk wander warm wash watch water wave wear weave weld whisper wield win "
    "wind wipe work wrap wrestle write yawn yell"
)
#: Forms that no rule makes.
IRREGULAR_VERBS = _words(
    "ran sat stood lay laid held wore rode swam fell flew threw caught took went came got gave made saw ate drank "
    "drove slept spoke spun stuck swung won wrote lying tying dying dyed worn shown seen taken given built drawn "
    "driven eaten flown ridden thrown hung lit led left lost met sent shot slid spread torn woken written"
)

#: Nouns that look like forms of verbs, by their ends.
ING_NOUNS = _words(
    "building buildings clothing wedding weddings painting paintings railing railings ceiling evening morning ring "
    "rings king wing wings string strings spring sibling siblings awning awnings crossing earring earrings bling "
    "sling icing frosting stocking stockings lightning herring pudding dumpling dumplings duckling ducklings gosling "
    "sapling inning innings lettering scaffolding bedding tubing parking fencing flooring netting wiring living "
    "drawing drawings carving carvings lodging siding swing swings ping-pong"
)
ED_NOUNS = _words("bed beds shed sheds sled sleds seed seeds weed weeds reed reeds moped mopeds bobsled")
LY_NOUNS = _words("family butterfly fly jelly belly lily bully trolley dolly holly ply doily assembly")
#: Nouns in -ie, whose plurals look as if they came from -y.
IE_NOUNS = _words("cookie movie hoodie collie wheelie brownie birdie rookie selfie zombie genie smoothie")

#: Things that are spoken of in the plural, or end in -s without being one.
PLURAL_ONLY = _words(
    "glasses sunglasses eyeglasses jeans pants shorts trousers overalls tights leggings clothes goggles binoculars "
    "headphones earphones stairs woods trunks scissors pajamas pyjamas suspenders bleachers lights gas bus grass "
    "glass dress cross tennis lens canvas christmas mattress princess actress waitress compass pass class boss moss "
    "floss harness address lass campus cactus octopus circus series species lacrosse chess gymnastics sports news "
    "thermos iris swiss bliss business wilderness athletics police cattle"
)
