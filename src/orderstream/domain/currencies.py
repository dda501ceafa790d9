"""The currencies of ISO 4217, and how an amount of one is written."""

from decimal import Decimal

# ISO 4217, list one (current currencies and funds), as of 2026-01-01, without its code for "no
# currency". XTS is its code for tests.
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
    CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
    GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR
    KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
    MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD
    XPF XPT XSU XTS XUA YER ZAR ZMW ZWG
    """.split()
)

# ISO 4217, list one, column "minor units", as of the same date: the currencies that do not have two. Those
# marked N.A. (metals, units of account, the code for tests) have none.
_MINOR_UNITS = (
    dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0)
    | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)
    | dict.fromkeys("CLF UYW".split(), 4)
)
_WITHOUT_MINOR_UNITS = frozenset("XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA".split())

# Amounts in this currency are not money.
TEST_CURRENCY = "XTS"


def minor_units(currency: str) -> int | None:
    """The decimal places of a currency by ISO 4217; None for metals and units of account."""
    return None if currency in _WITHOUT_MINOR_UNITS else _MINOR_UNITS.get(currency, 2)


def money(amount: Decimal, currency: str) -> str:
    """`amount` for display: all its digits, and at least the decimal places of the currency.

    19.9 EUR is `19.90`, 19.905 EUR `19.905`, 1E+3 EUR `1000.00`, 1000 JPY `1000`.
    """
    whole, _, places = f"{amount:f}".partition(".")
    places = places.ljust(minor_units(currency) or 0, "0")
    return f"{whole}.{places}" if places else whole
