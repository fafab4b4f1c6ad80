"""Country code → continent, for lists of places in websites/. Pure.

UN M.49 as in CLDR 49, territoryContainment.json (github.com/unicode-org/cldr-json). The Americas are two continents;
Central America and the Caribbean belong to the northern one. Islands for which ISO 3166 only reserves a code (AC, DG,
TA) are with their country. A code that is not listed has no continent.
"""

# fmt: off
_COUNTRIES = {
    "Africa": (
        "AC AO BF BI BJ BW CD CF CG CI CM CV DG DJ DZ EA EG EH ER ET GA GH GM GN GQ GW IC IO KE KM LR LS LY MA MG ML MR"
        " MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TA TD TF TG TN TZ UG YT ZA ZM ZW"
    ),
    "Antarctica": "AQ",
    "Asia": (
        "AE AF AM AZ BD BH BN BT CN CY GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP OM PH"
        " PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE"
    ),
    "Europe": (
        "AD AL AT AX BA BE BG BY CH CQ CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME"
        " MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK"
    ),
    "North America": (
        "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX TC"
        " TT US VC VG VI"
    ),
    "Oceania": (
        "AS AU CC CK CP CX FJ FM GU HM KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS"
    ),
    "South America": "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE",
}
# fmt: on
_CONTINENTS = {country: continent for continent, countries in _COUNTRIES.items() for country in countries.split()}
# Common codes that ISO 3166 spells differently (GB, GR).
_CONTINENTS |= {"UK": "Europe", "EL": "Europe"}


def continent_of(country: str) -> str | None:
    """The continent's English name; None for an unknown code."""
    return _CONTINENTS.get(country.upper())
