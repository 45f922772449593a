"""How text is compared when people search: without case and accents."""

import unicodedata


def normalize_for_search(text: str) -> str:
    """`text` casefolded and with accents stripped, its white space single: `Café` becomes `cafe`."""
    # Twice: some letters have another case only once they are taken apart.
    plain = unicodedata.normalize("NFKD", text.casefold()).casefold()
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())[:300]
