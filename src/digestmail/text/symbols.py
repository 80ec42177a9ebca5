"""What the commands of TeX look like in Unicode. Tables only; plain letters instead of astral ones.

𝒪 and 𝖳𝖢 are missing from many fonts, read out letter by letter and not found by a search; ℝ and ℓ are not.
"""

import unicodedata


def _words(text: str) -> list[str]:
    return text.split()


def _pairs(table: str) -> dict[str, str]:
    words = table.split()
    return dict(zip(words[::2], words[1::2], strict=True))


#: names of the small letters
GREEK = dict(
    zip(
        _words(
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau"
            " upsilon phi chi psi omega"
        ),
        "αβγδεζηθικλμνξοπρστυφχψω",
        strict=True,
    )
)
_CAPITALS = {name.capitalize(): letter.upper() for name, letter in GREEK.items()}

#: stand for a letter: a space after them is TeX's, not the reader's
LETTERS = (
    GREEK
    | _CAPITALS
    | _pairs(
        "varepsilon ε vartheta ϑ varpi ϖ varrho ϱ varsigma ς varphi φ varkappa ϰ digamma ϝ ell ℓ hbar ℏ imath ı jmath ȷ"
        " partial ∂ nabla ∇ infty ∞ aleph ℵ beth ℶ wp ℘ Re ℜ Im ℑ emptyset ∅ varnothing ∅ forall ∀ exists ∃ nexists ∄"
        " neg ¬ lnot ¬ top ⊤ bot ⊥ angle ∠ triangle △ square □ Box □ Diamond ◇ diamond ⋄ lozenge ◊ natural ♮ sharp ♯"
        " flat ♭ mho ℧ eth ð hslash ℏ degree ° textdegree ° prime ′ sum ∑ prod ∏ coprod ∐ int ∫ iint ∬ iiint ∭ oint ∮"
        " bigcup ⋃ bigcap ⋂ bigoplus ⨁ bigotimes ⨂ bigvee ⋁ bigwedge ⋀ surd √ langle ⟨ rangle ⟩ lfloor ⌊"
        " rfloor ⌋ lceil ⌈ rceil ⌉ lbrace { rbrace } lbrack [ rbrack ] lvert | rvert | lVert ‖ rVert ‖ backslash ∖"
        " complement ∁ R ℝ N ℕ Z ℤ Q ℚ textmu µ checkmark ✓ cmark ✓ xmark ✗"
        " bigstar ★ blacksquare ■ clubsuit ♣ diamondsuit ♢ heartsuit ♡ spadesuit ♠"
    )
)
#: letters of names: a space after them is TeX's in text, too
SPECIAL_LETTERS = _pairs(
    "o ø O Ø l ł L Ł ss ß ae æ AE Æ oe œ OE Œ aa å AA Å i ı j ȷ dh ð DH Ð th þ TH Þ dj đ DJ Đ ng ŋ NG Ŋ"
)
#: stand between two things, or before one
OPERATORS = _pairs(
    "times × div ÷ pm ± mp ∓ cdot · ast ∗ star ⋆ circ ∘ bullet • oplus ⊕ ominus ⊖ otimes ⊗ oslash ⊘ odot ⊙ dagger †"
    " ddagger ‡ dag † ddag ‡ amalg ⨿ ltimes ⋉ rtimes ⋊ vert | Vert ‖"
    " ldots … dots … cdots ⋯ dotsc … dotsb ⋯ dotso … vdots ⋮ ddots ⋱ colon : slash / texttimes ×"
    " textpm ± lq ‘ rq ’ S § P ¶ copyright © textregistered ® texttrademark ™ pounds £ euro € texteuro € textellipsis …"
    " textendash – textemdash — textquoteleft ‘ textquoteright ’ textquotedblleft “ textquotedblright ”"
    " textquotesingle ' textasciitilde ~ textasciicircum ^ textunderscore _ textbar | textless < textgreater >"
    " textbraceleft { textbraceright } textdollar $ textpercent % textbullet • lt < gt >"
)
#: said of two things: a space on both sides
RELATIONS = _pairs(
    "leq ≤ le ≤ geq ≥ ge ≥ neq ≠ ne ≠ approx ≈ equiv ≡ sim ∼ simeq ≃ cong ≅ propto ∝ ll ≪ gg ≫ in ∈ notin ∉ ni ∋"
    " subset ⊂ supset ⊃ subseteq ⊆ supseteq ⊇ subsetneq ⊊ cup ∪ cap ∩ setminus ∖ wedge ∧ land ∧ vee ∨ lor ∨ to → gets ←"
    " rightarrow → leftarrow ← leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ Leftrightarrow ⇔ longrightarrow ⟶"
    " longleftarrow ⟵ longleftrightarrow ⟷ Longrightarrow ⟹ Longleftrightarrow ⟺ implies ⟹ iff ⟺ mapsto ↦ longmapsto ⟼"
    " hookrightarrow ↪ rightharpoonup ⇀ rightleftharpoons ⇌ leadsto ⇝ rightsquigarrow ⇝ uparrow ↑ downarrow ↓"
    " updownarrow ↕ nearrow ↗ searrow ↘ xrightarrow → xleftarrow ← textrightarrow → nrightarrow ↛ prec ≺ succ ≻"
    " preceq ⪯ succeq ⪰ lesssim ≲ gtrsim ≳ leqslant ⩽ geqslant ⩾ lessapprox ⪅ gtrapprox ⪆ asymp ≍ doteq ≐ models ⊨"
    " vdash ⊢ dashv ⊣ vDash ⊨ perp ⊥ parallel ∥ mid | nmid ∤ coloneqq ≔ eqqcolon ≕ triangleq ≜ therefore ∴ because ∵"
    " bowtie ⋈ sqsubseteq ⊑ sqcup ⊔ sqcap ⊓ uplus ⊎ bmod mod"
)
#: written as words
FUNCTIONS = frozenset(
    _words(
        "arccos arcsin arctan arg argmax argmin cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf"
        " limsup ln log max min mod Pr sec sin sinh sup tan tanh tr poly polylog softmax"
    ),
)
#: what an abbreviation of authors says
WORDS = {
    "eg": "e.g.",
    "ie": "i.e.",
    "etal": "et al.",
    "LaTeX": "LaTeX",
    "TeX": "TeX",
    "newline": " ",
    "item": " • ",
    "par": " ",
    "quad": " ",
    "qquad": " ",
    "textbackslash": "\\",
    "thinspace": " ",
    "space": " ",
    "nobreakspace": " ",
    "enspace": " ",
}
#: change how text looks, or tell TeX where to put it
SWITCHES = frozenset(
    _words(
        "em it bf rm tt sc sl sf cal itshape bfseries ttfamily scshape rmfamily sffamily slshape upshape mdseries"
        " normalfont small tiny large Large LARGE huge Huge footnotesize scriptsize normalsize displaystyle textstyle"
        " scriptstyle boldmath unboldmath noindent indent centering protect limits nolimits left right middle big Big"
        " bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm relax leavevmode footnotemark xspace null"
        " nonumber notag maketitle bigskip medskip smallskip newpage linebreak allowbreak ensuremath selectfont"
    ),
)
#: commands that show nothing, and how many arguments go with them
DROPPED = {
    **dict.fromkeys(
        _words(
            "cite citep citet citealp citealt citeauthor citeyear nocite autocite textcite parencite label ref eqref"
            " cref Cref autoref pageref begin end vspace hspace vskip hskip phantom hphantom vphantom tag color thanks"
            " input hypersetup pagestyle footnotetext"
        ),
        1,
    ),
    "rule": 2,
    "setlength": 2,
}
#: commands whose last argument is shown, and how many stand before it
LAST_SHOWN = {
    "textcolor": 1,
    "colorbox": 1,
    "hyperlink": 1,
    "hypertarget": 1,
    "foreignlanguage": 1,
    "scalebox": 1,
    "resizebox": 2,
    "raisebox": 1,
    "texorpdfstring": 1,
}

#: commands that say how one argument looks, which may stand without braces: ``\\mathbb R``
FONTS = frozenset(
    _words(
        "mathbb mathcal mathrm mathbf mathsf mathit mathfrak mathscr mathtt mathds bm boldsymbol pmb text textbf"
        " textit textrm texttt textsf textsc textup textmd textnormal emph underline overline mbox hbox url path uline"
        " ul st underbrace overbrace mathop mathbin mathrel mathord"
    ),
)

#: accents by their command: the combining character
ACCENTS = {
    "'": "\u0301",
    "`": "\u0300",
    "^": "\u0302",
    '"': "\u0308",
    "~": "\u0303",
    "=": "\u0304",
    ".": "\u0307",
}
LETTER_ACCENTS = {
    "c": "\u0327",
    "v": "\u030c",
    "u": "\u0306",
    "H": "\u030b",
    "r": "\u030a",
    "k": "\u0328",
    "d": "\u0323",
    "b": "\u0331",
    "t": "\u0361",
}
MATH_ACCENTS = {
    "hat": "\u0302",
    "widehat": "\u0302",
    "tilde": "\u0303",
    "widetilde": "\u0303",
    "bar": "\u0304",
    "vec": "\u20d7",
    "dot": "\u0307",
    "ddot": "\u0308",
    "acute": "\u0301",
    "grave": "\u0300",
    "breve": "\u0306",
    "check": "\u030c",
    "mathring": "\u030a",
}

#: double-struck letters that lie in Unicode's basic plane
DOUBLE_STRUCK = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))

_RAISED = "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂ⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵝᵞᵟᶿᵠᵡ"
_LOWERED = "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ᵦᵧᵨᵩᵪ"


def _scripts(characters: str) -> dict[str, str]:
    table = {unicodedata.normalize("NFKC", character): character for character in characters}
    return {("-" if plain == "−" else plain): character for plain, character in table.items()}


#: plain character → the one that Unicode has for it, raised or lowered
SUPERSCRIPTS = _scripts(_RAISED)
SUBSCRIPTS = _scripts(_LOWERED)
#: raised as they are
RAISED_ALREADY = frozenset("′*∗†‡°⋆")
