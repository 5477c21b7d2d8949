"""The mails that accounts send."""

from llmgateway.kit.mail import Mail

_FOOT = "If this was not you, you need not do anything."


def verify(email: str, address: str, token: str) -> Mail:
    """The proof that an address is theirs."""
    text = (
        f"Welcome to llmgateway.\n\nConfirm that this address is yours:\n\n    {address}/verify?token={token}\n\n"
        f"The link works for three days.\n\n{_FOOT}"
    )
    return Mail(to=email, subject="Confirm your address", text=text)


def known_already(email: str, address: str) -> Mail:
    """Somebody signed up with an address that has an account."""
    text = (
        "Somebody, probably you, tried to sign up with this address, which has an account already.\n\n"
        f"    Log in: {address}/login\n    Forgot the password? {address}/forgot\n\n{_FOOT}"
    )
    return Mail(to=email, subject="You have an account already", text=text)


def reset(email: str, address: str, token: str) -> Mail:
    """A new password."""
    text = (
        f"Choose a new password here:\n\n    {address}/reset?token={token}\n\nThe link works for one hour.\n\n{_FOOT}"
    )
    return Mail(to=email, subject="Choose a new password", text=text)


def password_changed(email: str, address: str) -> Mail:
    """So that its owner hears of it."""
    text = (
        "Your password was changed, and all other sessions were ended.\n\n"
        f"If this was not you, choose a new password at once: {address}/forgot"
    )
    return Mail(to=email, subject="Your password was changed", text=text)


def new_address(email: str, address: str, token: str) -> Mail:
    """The proof that the new address is theirs."""
    text = (
        f"Confirm that this shall be your address from now on:\n\n    {address}/verify?token={token}\n\n"
        f"The link works for one day.\n\n{_FOOT}"
    )
    return Mail(to=email, subject="Confirm your new address", text=text)


def address_changed(email: str, new: str) -> Mail:
    """To the old address."""
    text = f"The address of your account is now {new}. If this was not you, write to the operator of this gateway."
    return Mail(to=email, subject="Your address was changed", text=text)
