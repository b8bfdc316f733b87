//! The themes and sentences of the generated journal.

/// A recurring theme of the journal.
pub(super) struct Theme {
    /// The first tag of the theme's entries.
    pub(super) name: &'static str,
    /// Further tags, some of which an entry has.
    pub(super) tags: &'static [&'static str],
    pub(super) heavy_titles: &'static [&'static str],
    pub(super) light_titles: &'static [&'static str],
    /// First sentences for a bad day.
    pub(super) heavy_openings: &'static [&'static str],
    /// First sentences for a better day.
    pub(super) light_openings: &'static [&'static str],
    /// Further sentences for any day.
    pub(super) details: &'static [&'static str],
}

/// Last sentences for a bad day.
pub(super) const CLOSING_HEAVY: &[&str] = &[
    "I don't have a lesson to draw from this. I just wanted it out of my head and on the page.",
    "Tomorrow I only need to do the first thing. The rest can wait.",
    "Writing it down made it a little smaller. Not small, but smaller.",
    "If a friend told me this I would be kinder to them than I was to myself today.",
    "It passed once before. I'm holding on to that.",
    "I'm going to bed early and calling that a success.",
    "I didn't handle it well and I'm still here. Both are true.",
];

/// Last sentences for an ordinary day.
pub(super) const CLOSING_STEADY: &[&str] = &[
    "Neither good nor bad, just a day. There is something restful about that.",
    "I noticed it sooner than I would have in winter. That counts.",
    "One thing at a time seems to be the whole trick.",
    "I want to remember that I asked for help and nothing terrible happened.",
    "Not sure what to make of it yet. Leaving it here for now.",
    "Small note to self: eat before deciding that everything is hopeless.",
    "Maybe it doesn't have to be solved. Maybe it only has to be carried well.",
];

/// Last sentences for a good day.
pub(super) const CLOSING_LIGHT: &[&str] = &[
    "I caught myself humming on the stairs.",
    "I want more days of this shape.",
    "Grateful, and a bit surprised to be.",
    "If I forget what okay feels like: it felt like this.",
    "I laughed properly, the kind that hurts a little.",
    "Nothing spectacular happened and I wouldn't change a thing.",
    "I think I'm getting better at this. Quietly, but I am.",
];

/// All themes of the journal.
pub(super) const THEMES: &[Theme] = &[
    Theme {
        name: "work",
        tags: &["stress", "boundaries", "focus", "team"],
        heavy_titles: &["Too many tabs open", "The meeting", "Behind again", "Sunday dread"],
        light_titles: &["Finished something", "A good kind of tired", "Said no, kindly", "Clear desk"],
        heavy_openings: &[
            "Spent the whole morning answering messages and the actual work never started.",
            "My review got moved again, and I've been rehearsing arguments with nobody ever since.",
            "I froze in the planning meeting. Everyone waited, and I could hear my own pulse.",
            "Said yes to another deadline before I had even thought about it. Old habit.",
        ],
        light_openings: &[
            "Closed the ticket that has been sitting on my shoulders for three weeks.",
            "I told Priya I couldn't take the extra shift. She said: sure, no problem. That was all.",
            "Two hours without notifications. I had forgotten that I'm good at this.",
            "The demo went well, and for once I let the compliment land instead of explaining it away.",
        ],
        details: &[
            "At lunch I walked around the block instead of eating at the keyboard.",
            "Jonas noticed I was quiet and brought me a coffee without asking anything.",
            "I wrote tomorrow's three things on a sticky note. Three, not eleven.",
            "The office was half empty, rain on the big windows, almost cosy.",
            "I logged off at six and the world did not end.",
        ],
    },
    Theme {
        name: "sleep",
        tags: &["night", "rest", "routine", "worry"],
        heavy_titles: &["3 a.m. again", "Wide awake", "Running on fumes", "The ceiling"],
        light_titles: &["Seven hours", "Slept through", "Early and rested", "A proper night"],
        heavy_openings: &[
            "Awake at three, doing sums about things that can't be summed.",
            "Four hours, maybe. Everything today came at me through cotton wool.",
            "Slept badly and then was angry at myself for sleeping badly, which helps no one.",
            "The thoughts start the moment the light goes off, like they'd been queueing.",
        ],
        light_openings: &[
            "Seven hours without waking. I actually checked the clock twice.",
            "Went to bed when I was tired instead of when I was done. Revolutionary.",
            "Woke up before the alarm and lay there listening to the birds argue.",
            "No screens after ten for the fifth night, and I hate how well it works.",
        ],
        details: &[
            "The breathing exercise felt silly for the first minute and then it didn't.",
            "I left the phone in the kitchen. It survived, and so did I.",
            "I wrote the worry list on paper and closed the notebook on it.",
            "Camomile, the boring podcast, socks. My grandmother would be proud.",
            "The window was open and somebody was playing piano two floors down.",
        ],
    },
    Theme {
        name: "family",
        tags: &["mum", "sister", "home", "phone call"],
        heavy_titles: &["What she didn't say", "Old rooms", "The call", "Twelve years old again"],
        light_titles: &["Sunday lunch", "Laughing with Mira", "A softer phone call", "Mum's soup"],
        heavy_openings: &[
            "Called home and within five minutes I was fourteen again.",
            "Mum asked if I was eating, which is how she asks everything else as well.",
            "Dad's results are late. Nobody says the word, so we talk about the car.",
            "Mira and I argued about who visits more, as if there were a score.",
        ],
        light_openings: &[
            "Mira sent me a picture of us in those awful matching jumpers. I can't stop smiling.",
            "Sunday lunch lasted until five. Nobody looked at a phone, not even my uncle.",
            "Dad's results are fine. I read the message three times in the stairwell.",
            "Mum said she was proud of me, sideways, while looking for her glasses. I'll take it.",
        ],
        details: &[
            "We talked about the old garden, the plum tree, the neighbour's goose.",
            "I noticed I have her hands now. The same way of folding a tea towel.",
            "I said what I needed in one sentence and then, the hard part, stopped talking.",
            "Afterwards I sat in the car for a while before driving.",
            "She put a jar of soup in my bag when I wasn't looking.",
        ],
    },
    Theme {
        name: "friends",
        tags: &["connection", "loneliness", "dinner", "trust"],
        heavy_titles: &["Cancelled again", "On the edge of the table", "Nobody's fault", "Read, not answered"],
        light_titles: &["Long table", "The walk with Sam", "People", "Someone noticed"],
        heavy_openings: &[
            "I cancelled dinner with a made-up headache, and then I had a real one.",
            "Scrolled through everybody's weekend and felt like I was behind glass.",
            "Sam is moving in August. I said how wonderful, and it is, and I cried in the bathroom.",
            "Sat with six people I like and felt like I was translating everything.",
        ],
        light_openings: &[
            "I almost stayed home. I'm so glad I didn't.",
            "Told Sam how the winter really was. He didn't fix it, he just stayed on the bench.",
            "Leyla turned up with dumplings because I had sounded flat on the phone.",
            "Board games at Noor's until midnight. I lost everything and enjoyed every minute.",
        ],
        details: &[
            "We walked the long way along the canal and counted herons. Four.",
            "I wrote back to two messages that had been frightening me for weeks. It took six minutes.",
            "There's a kind of quiet you can only have with somebody who has seen you ill.",
            "I asked a question instead of guessing what they thought of me.",
            "Somebody saved me a seat. A tiny thing. I keep thinking about it.",
        ],
    },
    Theme {
        name: "body",
        tags: &["running", "movement", "swimming", "headache"],
        heavy_titles: &["Heavy legs", "Shoulders up to my ears", "Not today", "Tight chest"],
        light_titles: &["Five kilometres", "Cold water", "Legs like jelly", "Stretched out"],
        heavy_openings: &[
            "My shoulders have been up by my ears for three days and I only noticed in the shower.",
            "Put the running shoes on, sat down on the stairs, took them off again.",
            "That tightness in the chest on the tram. I know what it is, and still.",
            "Headache since noon. I think I clenched my way through the week.",
        ],
        light_openings: &[
            "Five kilometres without stopping, slow as a snail and twice as proud.",
            "Swam before work. The water was cruel for one minute and then perfect.",
            "Tried the yoga class. I was the only one falling over, and nobody minded.",
            "Cycled instead of taking the tram and arrived with a face like a tomato, happy.",
        ],
        details: &[
            "The park smelled of cut grass and somebody's barbecue.",
            "I did the ten-minute version, because ten minutes is not nothing.",
            "My body has been on my side this whole time. I forget that.",
            "An old man overtook me and gave me a thumbs up.",
            "Drank two glasses of water and felt about forty per cent more human.",
        ],
    },
    Theme {
        name: "therapy",
        tags: &["insight", "patterns", "anxiety", "homework"],
        heavy_titles: &["The thing underneath", "Didn't want to go", "Stirred up", "Same old pattern"],
        light_titles: &["A door opened", "Homework", "Less of a fight", "What I said out loud"],
        heavy_openings: &[
            "Hard session. We got near the thing underneath, and I started talking about the weather.",
            "I didn't want to go today and spent the first ten minutes proving it.",
            "She asked what I was afraid would happen if I stopped being useful. I had no answer.",
            "Everything feels stirred up, like a pond after somebody walked through it.",
        ],
        light_openings: &[
            "Said it out loud for the first time and the ceiling stayed where it was.",
            "Did the homework: wrote down the thought, then what I'd tell a friend who had it.",
            "I noticed the spiral at the first turn today instead of the ninth.",
            "We laughed, actually laughed, about my inner critic's terrible management style.",
        ],
        details: &[
            "The word that stuck: enough. As in good enough, and as in stop.",
            "I've been treating rest as something to be earned. Where did I learn that?",
            "She said feelings are weather and I'm allowed to carry an umbrella.",
            "I drew the pattern on a napkin: worry, overwork, crash, guilt, worry.",
            "Walked home the slow way, so that it could settle.",
        ],
    },
    Theme {
        name: "grief",
        tags: &["grandpa", "memory", "missing", "love"],
        heavy_titles: &["His jacket", "Out of nowhere", "Would have been 84", "An empty chair"],
        light_titles: &["His recipe", "A good memory", "Carrying it differently", "The watch runs again"],
        heavy_openings: &[
            "Found Grandpa's handwriting in a cookbook and had to sit down on the kitchen floor.",
            "He would have been eighty-four today. I bought the cake anyway.",
            "It came out of nowhere in the supermarket, between the oranges and the bread.",
            "I dreamed that he called and I didn't pick up. The whole day had that colour.",
        ],
        light_openings: &[
            "Made his bean stew from memory. It was nearly right, and that was enough.",
            "Told the story of the goat and the postman at dinner. He was so present for a moment.",
            "Had his watch repaired. It's five minutes fast, exactly like him.",
            "Went to the lake where he taught me to fish and was mostly just thankful.",
        ],
        details: &[
            "I can still hear how he cleared his throat before saying anything important.",
            "Missing him is the shape that love has now. Somebody wrote that; I get it.",
            "I told him about the week. The magpies didn't mind.",
            "Mum and I said his name a few times today. We should do that more.",
            "The lilac on his street is out.",
        ],
    },
    Theme {
        name: "home",
        tags: &["plants", "cooking", "order", "moving"],
        heavy_titles: &["Dishes", "Everything in boxes", "The broken heater", "Clutter"],
        light_titles: &["Fresh sheets", "Basil on the sill", "Sunlight on the floor", "Bread"],
        heavy_openings: &[
            "The dishes have reached the stage where they have a personality.",
            "Heater broken, landlord silent, and me wearing a blanket like a cape.",
            "I looked at the laundry for an hour as if it might give up first.",
            "Still half in boxes. It's hard to feel settled next to a tower of cardboard.",
        ],
        light_openings: &[
            "Baked bread. It's lopsided and the whole flat smells like a hug.",
            "Repotted everything on the balcony and got soil in places soil shouldn't be.",
            "Fresh sheets, an open window, the good lamp. I built myself a nice evening.",
            "Unpacked the last box. At the bottom: my favourite mug. A sign, obviously.",
        ],
        details: &[
            "I set a timer for fifteen minutes and did only that. It was oddly enough.",
            "The basil has forgiven me.",
            "The cat from next door inspected the rooms and found them acceptable.",
            "Put on the record that Leyla gave me and cleaned along to side A.",
            "There's a patch of sun on the floor between four and five. I've started to wait for it.",
        ],
    },
    Theme {
        name: "anxiety",
        tags: &["panic", "breathing", "courage", "tram"],
        heavy_titles: &["The wave", "What if", "Left early", "Static"],
        light_titles: &["Stayed on the tram", "Not as bad as the forecast", "Brave in a small way", "Breathing room"],
        heavy_openings: &[
            "A wave of it on the platform. I let two trams go.",
            "My head was all what-ifs from the moment I woke up.",
            "Left the concert after three songs, and spent the way home being ashamed of it.",
            "I read one headline too many and it got into everything, like sand.",
        ],
        light_openings: &[
            "Took the crowded tram, stayed on it, and got off where I wanted to.",
            "Made the phone call I'd been avoiding since March. It lasted ninety seconds.",
            "The panic knocked, and I said: come in, sit down, I'm busy. It left.",
            "Gave the talk. My hands shook, my voice mostly didn't.",
        ],
        details: &[
            "Five things I could see, four I could touch. The fourth was a cold railing.",
            "It peaks after about ten minutes. I timed it. Knowing that helps.",
            "I counted backwards from a hundred in sevens and got lost at seventy-two.",
            "The forecast in my head was a storm. The day was mostly cloud.",
            "I texted Sam one word, wave, and he sent back a surfing emoji.",
        ],
    },
    Theme {
        name: "joy",
        tags: &["gratitude", "nature", "music", "drawing"],
        heavy_titles: &["Looking for the good bit", "Grey", "One nice thing", "Far away"],
        light_titles: &["Three good things", "Evening light", "The choir", "Drew for an hour"],
        heavy_openings: &[
            "Trying to find three good things today and stuck at one: the tea was hot.",
            "Everything I usually love felt far away, like a radio in another flat.",
            "The sky was the colour of dishwater, and so was I.",
            "I opened the sketchbook, looked at it, closed it again.",
        ],
        light_openings: &[
            "Three good things: the light at half past eight, a peach, Noor's voice message.",
            "First choir rehearsal in a year. I'd forgotten what it is to breathe with forty people.",
            "Drew for an hour without judging a single line.",
            "Saw a kingfisher. I will be insufferable about this for weeks.",
        ],
        details: &[
            "A child on the bus explained clouds to everybody, and she was right about most of it.",
            "I sat by the river until the street lamps came on.",
            "That song came on, the one from the summer in Lisbon.",
            "The blackbird on the roof opposite has learnt somebody's ringtone.",
            "I gave the busker everything in my pocket. It was mostly buttons.",
        ],
    },
];
