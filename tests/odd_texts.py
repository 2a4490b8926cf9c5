"""Texts that a careless reader loses, changes or takes for missing: by what is odd about them."""

ODD = {
    "NUL": "a \x00 lamp",
    "a pair of surrogates": "an old 😀 lamp",
    "emoji with joiners": "👩‍👩‍👧‍👦 and 🏳️‍🌈 by 🇩🇪",
    "right to left": "מנורה ישנה و مصباح قديم",
    "marks of direction": "\u202eold\u202c lamp",
    "U+2028": "old\u2028lamp",
    "U+0085": "old\x85lamp",
    "a form feed": "old\x0clamp",
    "composed and not": "é e\u0301",
    "a zero-width space": "old\u200blamp",
    "a mark of byte order within": "old\ufefflamp",
    "a private character": "\ue000 lamp",
    "no character": "\uffff \U0010ffff",
    "quotation marks": '"old" lamp',
} | {name: name for name in ("NA", "null", "None", "nan", "NaN", "N/A", "-", "0", "1.0", "True", "#N/A")}
