# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A hundred English texts of one word to about 200 words (at most 254 BERT word pieces), written for these tests."""

_WORDS = [
    "Rain",
    "lighthouse",
    "Why?",
    "2026",
    "OK!",
    "naïveté",
    "don't",
    "e-mail",
    "3.14159",
    "antidisestablishmentarianism",
]

_PHRASES = [
    "cold coffee",
    "a map without names",
    "seventeen green bottles",
    "Café Zürich, 2nd floor",
    "to be collected on Friday",
    "left, then left again",
    "price: €12.50",
    "the smell of cut grass",
    "version 0.81.1 (beta)",
    "quiet, please",
]

_SENTENCES = [
    "The ferry leaves at a quarter past six and never waits.",
    "Our neighbour keeps bees on the roof of the old bakery.",
    "She solved the puzzle before the kettle boiled.",
    "How far is it from the station to the museum on foot?",
    "Please reset my password; the link in your last message has expired.",
    "The violinist tuned her instrument while the hall was still empty.",
    "Water boils at 100 °C at sea level, but at about 93 °C on a mountain 2,000 m high.",
    "He paid £4.20 for two apples, three pears and a very small melon.",
    "José and Zoë met in Málaga, moved to Kraków and married in Göteborg.",
    "Is a tomato a fruit or a vegetable, and who gets to decide?",
    "The committee adjourned without reaching a decision on the new bridge.",
    "Turn the valve a quarter of a turn clockwise until the hissing stops.",
    "An owl called twice from the barn, then everything was still.",
    "Flight BX-2047 to Oslo is delayed by 45 minutes because of fog.",
    "The recipe asks for 250 g of flour, 3 eggs and a pinch of salt.",
    "Nobody could remember who had painted the blue door.",
    "My grandfather repaired clocks, radios and, once, a church organ.",
    "If the light on the router blinks red, unplug it for ten seconds.",
    "The glacier has retreated by more than a kilometre since the first photograph was taken.",
    "They argued about the film all the way home.",
    "A good translator hears what the author left out.",
    "The warranty covers parts and labour for twenty-four months from the date of purchase.",
    "Which planet has the shortest year?",
    "Tall ships once lined this quay, three and four abreast.",
    "He typed rm -rf, stared at the screen, and went to make tea instead.",
    "The vaccine was tested on 31,440 volunteers in six countries.",
    "Her essay on Brontë ran to 5,000 words, most of them adjectives.",
    "The bakery sells rye bread on Tuesdays only.",
    "Could you send me the minutes of yesterday's meeting by noon?",
    "A sudden gust tore the kite from the child's hands.",
    "Interest is added on the last working day of each quarter.",
    "The detective noticed that the dog had not been fed.",
    "We walked along the canal until the street lamps came on.",
    "Light takes roughly eight minutes and twenty seconds to reach us from the sun.",
    "The tenant must give at least one month's notice in writing.",
    "Every third seat in the theatre was taken by a student.",
    "The cat sat in the cardboard box and ignored the expensive basket beside it.",
    "Bring a torch, a warm coat and enough food for two days.",
    "The function returns None when the list is empty, which is easy to forget.",
    "After the storm the beach was covered with small blue shells.",
]

_LONGER = [
    "The old railway line was closed in 1968 and lay forgotten for thirty years; today it is a cycle path, and on"
    " summer evenings half the town seems to be out on it, from toddlers on scooters to a club of riders well past"
    " seventy.",
    "To change the filter, switch the machine off at the mains, open the flap at the back and pull the grey"
    " cartridge towards you. Rinse the housing with lukewarm water. Don't use detergent.",
    "Quarterly revenue rose 7.3% to $1.42 billion, slightly ahead of what analysts had expected, while operating"
    " costs fell for the second time in a row. The board left its outlook for the year unchanged.",
    "Dear Ms Ångström, thank you for your order of 14 March. Two of the five items are out of stock; we will send"
    " the others today and the rest, free of charge, as soon as they come in.",
    "Bats find their way by sound. They call many times a second and listen to the echoes, from which they learn how"
    " far away a moth is, how fast it flies and in which direction.",
    "I loved the first half of this novel, with its slow river and its quarrelling sisters, but the ending felt"
    " rushed, as if the writer had suddenly noticed the time. Three stars out of five.",
    "The patient, a 54-year-old man, came in with chest pain that had lasted for about two hours. His blood pressure"
    " was 150/95, his pulse 88, and he had no fever. An ECG was taken at once.",
    "In chess, the opening decides less than beginners believe. What counts is to bring out the pieces, to castle"
    " early, and not to move the same piece twice without a reason.",
    "The parcel was marked as delivered at 11:52, yet nobody had rung the bell. It turned up two days later behind"
    " the neighbour's hydrangea, soaked but whole.",
    "Concrete sets by a chemical reaction and not by drying, which is why it hardens under water too. Too much water"
    " in the mix makes it easy to pour and weak for ever after.",
    "When the power failed, the whole street came out with candles. Somebody brought a guitar, somebody else a pot"
    " of soup, and by the time the lights came back most of us wished that they had waited.",
    "The bill passed by 51 votes to 49 after a debate of eleven hours. It will raise the tax on parking in the city"
    " centre and spend the proceeds on night buses and on shelters at their stops.",
    "Sourdough needs patience more than skill. Feed the starter in the evening, mix the dough in the morning, fold"
    " it four times before lunch, and bake it when it has grown by half.",
    "To reproduce the fault, open two windows, log in to the same account in both, and press Save in the first while"
    " the second is still loading. In about one attempt out of five the page stays blank.",
    "Volcanic soil is rich but young. The vines that grow on these slopes have to push their roots through three"
    " metres of ash before they reach water, and the wine tastes faintly of smoke.",
    "Our team won 3–2 after extra time. The first goal was a gift, the second was luck, and the third, from nearly"
    " forty metres, will be talked about in this town for as long as football is played.",
    "Any traveller who arrives without a valid ticket pays the full fare and a supplement of €60. Children under six"
    " travel free when they are with an adult; dogs need a child's ticket.",
    "The telescope has no mirror at all. It is a wire net, hung in a valley and as wide as three football fields,"
    " and it listens to the hydrogen between the galaxies.",
    "He had promised to call on Sunday. On Monday she stopped waiting, on Tuesday she was angry, and on Wednesday"
    " she discovered that her own telephone had been switched off since the weekend.",
    "A hash table trades memory for speed: it finds an entry in constant time on average, however many there are, so"
    " long as the keys spread evenly over the buckets and some of the buckets stay empty.",
    "Saffron is made of the dried stigmas of a crocus. It takes about 150 flowers to make a single gram, all picked"
    " by hand before sunrise, which explains both the price and the many imitations.",
    "The village has a school with two classrooms, a shop that is also the post office, a pub, and a bus to the"
    " coast at 07:40 every morning except Sunday. Most of its houses stand empty in winter.",
    "Before you sign, read the clause on renewal. Contracts of this kind extend themselves by a year unless you"
    " object three months before they end, and the provider is not obliged to remind you.",
    "Early photographs show people with stern faces because a smile is hard to hold. An exposure took many seconds,"
    " and whoever moved became a blur, or vanished altogether.",
    "The children built a dam of sticks and stones across the brook. It held for one afternoon. In the night it"
    " rained, and in the morning there was only a pool with a very surprised trout in it.",
]

_PARAGRAPHS = [
    "The harbour master kept two books. In the first, which the port authority paid for, he wrote the name, tonnage"
    " and cargo of every vessel that tied up at the long quay, together with the hour and the state of the tide. In"
    " the second, which he had bought himself, he wrote everything else: the colour of the sails, the quarrels he"
    " overheard, the songs, the weather as it felt and not as it was measured. When the port was closed and its"
    " papers were carted off to the capital, nobody asked for the second book. It is the only one that anybody reads"
    " today.",
    "Embedding models turn a text into a list of numbers in such a way that texts of similar meaning lie close to"
    " each other. A search engine can then compute the numbers of all its documents in advance, and needs to compute"
    " only those of the question when somebody asks. Closeness is usually measured by the angle between the two"
    " lists, and since the length of the lists does not matter for an angle, most models scale them to length one."
    " The catch is that a model knows only the kind of closeness it was trained on: one that was trained on questions"
    " and answers will happily place a question next to its answer and far from another wording of the same question.",
    "Route 7 climbs from the car park at the sawmill (640 m) through beech forest to the saddle, where there is a"
    " spring with good water. From there two paths lead to the hut. The left one is shorter but crosses a boulder"
    " field that is slippery after rain; the right one is longer by 1.8 km, never steep, and has the better view."
    " Allow two and a half hours for the ascent and one and a half for the way down. The hut is open from mid-May"
    " until the first snow, serves soup and cake, takes no cards, and has twelve beds, which should be booked well"
    " ahead. Beyond the hut the route is marked in red and white and is meant for walkers with a head for heights:"
    " there is a ladder of nineteen rungs, a ledge with a wire rope, and a gully in which snow can lie until July. In"
    " a thunderstorm turn back at the ladder at the latest. The last bus from the car park leaves at 18:10, on"
    " Saturdays at 19:40, and it does not wait either.",
    "My first computer had no screen of its own. You plugged it into the family television, which meant that you"
    " could programme only when nobody wanted to watch anything, that is to say early on Sunday mornings. Programs"
    " were stored on cassette tape and loaded with a noise like a fax machine in distress. If a lorry passed during"
    " those four minutes, you began again. I learnt patience, typing, and to write down what I was about to do before"
    " doing it, and of these three only the last has been of real use since.",
    "Patients who take this medicine should avoid grapefruit and its juice, because both slow down the enzyme by"
    " which the liver breaks the active substance down, so that more of it stays in the blood for longer. Tell your"
    " doctor if you are pregnant, if you have ever had a disease of the liver, or if you take anything against fungal"
    " infections. If you forget a dose, take it as soon as you notice, unless it is almost time for the next one;"
    " never take a double dose. Common side effects, seen in up to one in ten people, are headache, a dry mouth and"
    " trouble sleeping.",
    "The city's first tramway was pulled by horses, forty-six of them, which lived in a stable behind the theatre"
    " and ate better than most of the drivers. When the line was electrified in 1899 the horses were sold to the"
    " brewery. For several weeks, it is said, they stopped in front of every former halt, waited for as long as it"
    " takes a lady with an umbrella to climb aboard, and moved off again without being told, so that the beer arrived"
    " late all over town and the brewery had to hire a boy to walk ahead and ring a bell. The boy, one Émile Roux,"
    " later became the tramway's first inspector, and then its director. He is remembered for two things. He"
    " introduced the flat fare, 10 centimes for any distance, against the advice of everyone who could count; and he"
    " had a horse's head painted over the door of each car, so that, as he said at the opening, no passenger should"
    " forget who had learnt the way first. One of those cars still runs, on the first Sunday of the month.",
    "A bridge does not stand still. It grows longer in the sun and shorter at night, it sags under a train and"
    " springs back, and in a strong wind its deck sways by a hand's breadth or two. Engineers leave gaps at its ends,"
    " rest it on rollers, and hang weights inside the towers that swing against the wind. What they fear is not"
    " movement but rhythm: a small push repeated at just the right moment can do what a heavy load never could, which"
    " is why soldiers are told to break step when they cross.",
    "Item 4: the boiler. Mr Okafor reported that the repair had cost 1,870 instead of the 1,200 that had been"
    " approved, since the pump had to be replaced as well. Several owners asked why they had not been told"
    " beforehand. After some discussion it was agreed (9 in favour, 2 against, 1 abstention) that the difference"
    " would be taken from the reserve this once, and that from now on the manager has to ask the council before"
    " spending more than 10% above an approved sum. Mrs Lindqvist offered to get three quotations for a new boiler"
    " before the next meeting in October.",
    "Most of what we call the taste of food is in truth its smell. The tongue tells sweet from sour, salty from"
    " bitter, and savoury from the rest; everything finer than that, the difference between a raspberry and a"
    " strawberry or between butter and margarine, travels from the mouth up the back of the throat to the nose. This"
    " is why a cold makes every meal dull, why wine is swirled in the glass before it is drunk, and why a child who"
    " pinches her nose shut can swallow almost any medicine without complaint. Cooks have always known it without"
    " knowing why. They warm spices in oil, because warmth and fat set the scent free; they grate lemon peel at the"
    " last moment, because its perfume is gone in minutes; they serve cheese at the temperature of the room. And"
    " anyone who has lost the sense of smell for a while will tell you that the first thing to come back was coffee,"
    " that it was wonderful, and that it tasted, for about a week, of burnt rubber.",
    "The archive holds about 12,000 letters, 340 maps and a single recording, eleven seconds long, in which the"
    " explorer says her own name, coughs, and asks whether the machine is running. It is. For decades nobody knew"
    " what was on the cylinder, since any needle would have destroyed it. Then a group of physicists photographed its"
    " groove, thousands of times and from all sides, and computed the sound from the pictures. The first people to"
    " hear her voice in a hundred and eight years were two students and a technician, at twenty past three in the"
    " morning.",
]

_ODD = [
    "AAAAAAAA aaaaaaaa AaAaAaAa",
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25",
    "¿Qué? ¡No! «voilà» „so“ … — –",
    "hello\tworld\nnew line\r\nanother",
    "if (a[i] != b[j]) { return fabs(x - y) < 1e-6; } // done",
]

SENTENCES = _WORDS + _PHRASES + _SENTENCES + _LONGER + _PARAGRAPHS + _ODD
