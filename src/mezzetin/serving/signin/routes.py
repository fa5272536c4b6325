"""`/sign-in` and `/sign-out`: a form, a way to the provider and back, and the way out.

Enters: a browser. Leaves: the page, or a cookie and the way on to the page that was wanted, if it is one of ours.
Whatever goes wrong is one sentence on the page, from where people can try another way.
"""

from __future__ import annotations

import hmac
from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mezzetin.serving.csrf import FIELD, csrf_token, form_holds
from mezzetin.serving.problems import Problem
from mezzetin.serving.rate import whole_seconds
from mezzetin.serving.signin.claims import who_from
from mezzetin.serving.signin.door import STATE, Door, TooOften
from mezzetin.serving.signin.pages import sign_in_page
from mezzetin.serving.signin.provider import ProviderDown, ProviderRefused, new_attempt
from mezzetin.serving.signin.who import SIGN_IN, own_path, who_of

router = APIRouter(include_in_schema=False)
_WRONG = "The name or the password is wrong."
_OLD = "This page was too old: please try once more."
_LOST = "The way back from the provider was not the one that began here: please sign in again."
_TELLING = {"out": "You are signed out."}
_FIELD_BYTES = 16 << 10


@router.get(SIGN_IN)
async def sign_in(request: Request) -> Response:
    """The page; where nobody has an account and no provider is asked, the way on."""
    target = own_path(request.query_params.get("next"))
    if _door(request) is None:
        # The guard has had the browser ask for a key, which it now keeps.
        return RedirectResponse(target, 303)
    return await _page(request, told=_TELLING.get(request.query_params.get("told", ""), ""))


@router.post(SIGN_IN)
async def with_password(request: Request) -> Response:
    """Sign in with a local account."""
    door = _needed(request)
    async with request.form(max_files=0, max_fields=8, max_part_size=_FIELD_BYTES) as form:
        sent = {key: str(form.get(key, "")) for key in (FIELD, "name", "password", "next")}
    target, name = own_path(sent["next"]), sent["name"].strip()
    if not form_holds(request, sent[FIELD]):
        return await _page(request, 403, problem=_OLD, name=name, target=target)
    address = request.client.host if request.client else ""
    try:
        who = await door.by_password(name, sent["password"], address)
    except TooOften as error:
        seconds = whole_seconds(error.seconds)
        words = f"There were too many wrong passwords: try again in {_lasting(int(seconds))}."
        page = await _page(request, 429, problem=words, name=name, target=target)
        page.headers["Retry-After"] = seconds
        return page
    if who is None:
        return await _page(request, 401, problem=_WRONG, wrong=True, name=name, target=target)
    answer = RedirectResponse(target, 303)
    await door.begin(request, answer, who)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session; whoever has none is out already."""
    door = _needed(request)
    async with request.form(max_files=0, max_fields=8, max_part_size=_FIELD_BYTES) as form:
        sent = str(form.get(FIELD, ""))
    if not form_holds(request, sent):
        return await _page(request, 403, problem=_OLD)
    answer = RedirectResponse(f"{SIGN_IN}?told=out", 303)
    await door.end(request, answer)
    return answer


@router.get(f"{SIGN_IN}/oidc")
async def to_provider(request: Request) -> Response:
    """On to the provider."""
    door = _needed(request)
    if door.provider is None:
        raise Problem(404, "not_found", "this server asks no provider: sign in with an account")
    attempt, target = new_attempt(), own_path(request.query_params.get("next"))
    try:
        answer = RedirectResponse(await door.provider.address(attempt, door.back(request)), 303)
    except ProviderDown:
        return await _page(request, 503, problem=await _down(door), target=target)
    door.remember(request, answer, attempt, target)
    return answer


@router.get(f"{SIGN_IN}/oidc/return")
async def from_provider(request: Request) -> Response:
    """Back from the provider, with a code or a refusal."""
    door, given = _needed(request), request.query_params
    kept = door.remembered(request)
    if door.provider is None or kept is None or not _same(given.get("state", ""), kept[0].state):
        return _spent(request, door, await _page(request, 400, problem=_LOST))
    attempt, target = kept
    problem, status = "", 403
    try:
        if "code" not in given:
            raise ProviderRefused(_REFUSALS.get(given.get("error", ""), "the provider let you not in"))
        claims = await door.provider.claims(given["code"], attempt, door.back(request), given.get("iss"))
        who = who_from(claims, door.settings)
        if who is None:
            raise ProviderRefused("your account has no role here: ask whoever runs this server")
        answer: Response = RedirectResponse(target, 303)
        await door.begin(request, answer, await door.with_name_of_its_own(who))
        return _spent(request, door, answer)
    except ProviderRefused as error:
        problem = f"{str(error)[:1].upper()}{str(error)[1:]}."
    except ProviderDown:
        problem, status = await _down(door), 503
    return _spent(request, door, await _page(request, status, problem=problem, target=target))


_REFUSALS = {
    "access_denied": "the provider says that you may not, or you stopped there",
    "temporarily_unavailable": "the provider is not available now: try again in a minute",
    "login_required": "the provider wants you to sign in there first",
    "consent_required": "the provider wants your consent first",
    "interaction_required": "the provider wants to ask you something first",
}


async def _page(request: Request, status: int = 200, **values: Any) -> Response:
    door = _needed(request)
    usual = {
        "who": who_of(request) if status == 200 else None,
        "target": own_path(request.query_params.get("next")),
        "provider": door.provider.name if door.provider is not None else "",
        "by_password": await door.has_accounts(),
        "token": csrf_token(request),
        "problem": "",
        "told": "",
        "wrong": False,
        "name": "",
    }
    return sign_in_page({**usual, **values}, status)


async def _down(door: Door) -> str:
    otherwise = ", or sign in with an account of this server" if await door.has_accounts() else ""
    host = door.provider.name if door.provider is not None else ""
    return f"{host} does not answer: try again in a minute{otherwise}."


def _spent(request: Request, door: Door, answer: Response) -> Response:
    door.forget(request, answer)
    return answer


def _door(request: Request) -> Door | None:
    return cast("Door | None", getattr(request.state, STATE, None))


def _needed(request: Request) -> Door:
    door = _door(request)
    if door is None:
        raise Problem(404, "not_found", "nobody signs in here: this server has neither accounts nor a provider")
    return door


def _same(sent: str, kept: str) -> bool:
    return sent.isascii() and hmac.compare_digest(sent, kept)


def _lasting(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"{-(-seconds // 60)} minutes"
