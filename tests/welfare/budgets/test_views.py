"""Budgets over HTTP: from source to approved budget by two people, a bill that is refused, pages that add up."""

from __future__ import annotations

import io
import re
from datetime import date
from decimal import Decimal
from html import unescape

import openpyxl
import pytest

from portal.access import SYSTEM, Role
from portal.db import db as database
from portal.welfare.budgets import commands, queries
from portal.welfare.budgets.models import Expenditure, VersionKind
from portal.welfare.ledger.models import BudgetStatus, Source
from portal.welfare.ledger.queries import totals_of_line
from portal.welfare.sources import commands as sources
from tests.factories.money import line_values, make_budget, make_source
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def someone(app):
    """A function that gives a signed-in client of a role at a union, in English."""

    def sign_in(role: Role, *unions):
        client = app.test_client()
        account = make_account(roles=[(role, union) for union in unions])
        sign_in_quickly(client, account)
        client.set_cookie("language", "en")
        return client

    return sign_in


def body(answer) -> str:
    return answer.get_data(as_text=True)


SOURCE = {
    "year": "2026", "kind": "superior_grant", "name": "上级补助", "granted": "100,000", "from_on": "2026-01-01",
    "until_on": "2026-12-31", "document_number": "豫工发〔2026〕3号", "only_category": "", "rest_rule": "carry_over",
}  # fmt: skip


def test_from_source_to_approved_budget_by_two_people(tree, someone):
    """Draft, submit, approved by another, overspending refused with what is left, paid."""
    union = tree.federation_county
    finance, approver = someone(Role.FINANCE, tree.county), someone(Role.APPROVER, tree.county)
    answer = finance.send("/sources/new", SOURCE | {"union_code": union.code})
    assert answer.status_code == 303, body(answer)
    source = Source.query.one()
    assert source.granted == 100_000
    finance.send(f"/sources/{source.id}/cash", {"way": "receive", "amount": "60000", "on": "2026-02-01", "voucher_number": "J1"})
    here = f"/budgets/{union.code}/2026"
    answer = finance.send("/budgets/new", {"union_code": union.code, "year": "2026", "kind": "opening"})
    assert answer.location.endswith(f"{here}/versions/1")
    line = {"name": "夏季送清凉", "category": "rights_protection", "draw": "in_order", f"amount-{source.id}": "40,000.00"}
    assert finance.send(f"{here}/versions/1/lines/new", line).status_code == 303
    assert finance.send(f"{here}/versions/1/submit").status_code == 303
    assert finance.send(f"{here}/versions/1/approve").status_code == 403  # finance drafts, it does not approve
    assert "Approve" in body(approver.get(f"{here}/versions/1"))
    assert approver.send(f"{here}/versions/1/approve").status_code == 303
    page = body(finance.get(here))
    assert "¥40,000.00" in page
    bill = {"title": "饮用水", "amount": "40000.01", "falls_on": "2026-07-01", "voucher_number": "V1"}
    refused = finance.send(f"{here}/lines/001/expenditures", bill)
    assert refused.status_code == 422
    assert "has ¥40,000.00 left; ¥40,000.01 was asked" in body(refused)
    assert "饮用水" in body(refused)  # nothing typed is lost
    assert Expenditure.query.count() == 0
    answer = finance.send(f"{here}/lines/001/expenditures", bill | {"amount": "39,999.99"})
    spent = Expenditure.query.one()
    assert answer.location.endswith(f"/expenditures/{spent.id}")
    assert finance.send(f"{answer.location}/moves", {"way": "pay", "amount": "39999.99"}).status_code == 303
    ledger = body(finance.get(f"{here}/lines/001"))
    assert f"/expenditures/{spent.id}" in ledger  # each entry opens what it was for
    assert f"{here}/versions/1" in ledger
    assert "¥0.01" in ledger


def test_an_approvers_list_and_home_say_what_waits(tree, someone):
    union = tree.federation_county
    source = make_source(union, granted=600_000)
    made = make_budget(union, [line_values(amounts={source: 600_000})], approve=False)
    finance, approver, auditor = (someone(role, tree.county) for role in (Role.FINANCE, Role.APPROVER, Role.AUDITOR))
    finance.send(f"/budgets/{union.code}/2026/versions/1/submit")
    assert "Budgets to review" in body(auditor.get("/staff"))
    assert "Budgets to decide" not in body(approver.get("/staff"))
    early = approver.send(f"/budgets/{union.code}/2026/versions/1/approve", {"minute_number": "1"})
    assert (early.status_code, "audit committee reviews first" in body(early)) == (422, True)
    assert auditor.send(f"/budgets/{union.code}/2026/versions/1/review", {"note": "无异议"}).status_code == 303
    assert "Budgets to decide" in body(approver.get("/staff"))
    none = approver.send(f"/budgets/{union.code}/2026/versions/1/approve")
    assert (none.status_code, "enter the number of its minute" in body(none)) == (422, True)
    assert approver.send(f"/budgets/{union.code}/2026/versions/1/approve", {"minute_number": "1"}).status_code == 303
    assert totals_of_line(made.lines["夏季送清凉"].id).authority == 600_000


def test_returned_with_a_remark(tree, someone):
    union = tree.federation_county
    make_budget(union, [line_values(amounts={make_source(union): 100})], approve=False)
    finance, approver = someone(Role.FINANCE, tree.county), someone(Role.APPROVER, tree.county)
    here = f"/budgets/{union.code}/2026/versions/1"
    finance.send(f"{here}/submit")
    assert approver.send(f"{here}/return").status_code == 422
    assert approver.send(f"{here}/return", {"answer": "请附依据"}).status_code == 303
    assert "请附依据" in body(finance.get(here))
    assert finance.send(f"{here}/reopen").status_code == 303
    assert finance.send(f"{here}/lines/001/remove").status_code == 303
    assert queries.list_rows(queries.find_budget(union.id, 2026)) == []


def test_a_line_in_fixed_shares_and_what_was_typed_is_kept(tree, someone):
    union = tree.federation_county
    three = [make_source(union, name, 1000) for name in ("财政补贴", "工会配套", "会员自缴")]
    make_budget(union, [], approve=False)
    finance = someone(Role.FINANCE, tree.county)
    address = f"/budgets/{union.code}/2026/versions/1/lines/new"
    typed = {"name": "免费健康体检", "category": "worker_services", "draw": "mix", "total": "1000.01"}
    shares = {f"percent-{source.id}": part for source, part in zip(three, ("40", "40", "10"), strict=True)}
    wrong = finance.send(address, typed | shares)
    assert (wrong.status_code, "add up to 90 %" in body(wrong), 'value="10"' in body(wrong)) == (422, True, True)
    assert finance.send(address, typed | shares | {f"amount-{three[0].id}": "abc"}).status_code == 422
    assert finance.send(address, typed | shares | {f"percent-{three[2].id}": "20%"}).status_code == 303
    [row] = queries.list_rows(queries.find_budget(union.id, 2026), queries.list_versions(queries.find_budget(union.id, 2026))[0])
    assert row.wanted == Decimal("1000.01")
    assert sorted(part.wanted for part in row.parts) == [Decimal("200.00"), Decimal("400.00"), Decimal("400.01")]


def test_freeze_thaw_close_and_carry_over(tree, someone):
    union = tree.federation_county
    source = make_source(union, granted=500, cash=500)
    made = make_budget(union, [line_values(amounts={source: 400})])
    finance, approver = someone(Role.FINANCE, tree.county), someone(Role.APPROVER, tree.county)
    here = f"/budgets/{union.code}/2026"
    assert finance.send(f"{here}/status", {"status": "frozen"}).status_code == 403
    approver.send(f"{here}/status", {"status": "frozen"})
    refused = finance.send(f"{here}/lines/001/expenditures", {"title": "水", "amount": "1", "falls_on": "2026-07-01"})
    assert (refused.status_code, "frozen" in body(refused)) == (422, True)
    approver.send(f"{here}/status", {"status": "approved"})
    approver.send(f"{here}/status", {"status": "closed"})
    assert queries.find_budget(union.id, 2026).status is BudgetStatus.CLOSED
    assert made.budget.id == queries.find_budget(union.id, 2026).id
    answer = finance.send(f"/sources/{source.id}/carry-over")
    fresh = Source.query.filter_by(year=2027).one()
    assert answer.location.endswith(f"/sources/{fresh.id}")
    assert "Carried over from" in body(finance.get(answer.location))


def test_an_advance_asked_for_by_one_and_given_by_another(tree, someone):
    union = tree.federation_county
    own, grant = make_source(union, granted=900, cash=900), make_source(union, "上级补助", 300, kind="superior_grant")
    finance, approver = someone(Role.FINANCE, tree.county), someone(Role.APPROVER, tree.county)
    asked = {"lender": str(own.id), "lent": "300.01", "reason": "未到账"}
    refused = finance.send(f"/sources/{grant.id}/advances", asked)
    assert (refused.status_code, "¥300.00 is still to come" in body(refused)) == (422, True)
    assert finance.send(f"/sources/{grant.id}/advances", asked | {"lent": "200"}).status_code == 303
    from portal.welfare.sources.models import Advance

    advance = Advance.query.one()
    assert finance.send(f"/advances/{advance.id}/decide", {"answer": "approve"}).status_code == 403
    assert approver.send(f"/advances/{advance.id}/decide", {"answer": "approve"}).status_code == 303
    assert "waits for approval" not in body(finance.get(f"/sources/{grant.id}"))
    finance.send(f"/sources/{grant.id}/cash", {"way": "receive", "amount": "300", "on": "2026-03-01"})
    shown = body(finance.get(f"/sources/{grant.id}"))
    assert "repaid: ¥200.00" in shown


def test_lists_are_empty_searched_and_exported(tree, someone):
    finance = someone(Role.FINANCE, tree.county)
    assert "No budget yet" in body(finance.get("/budgets"))
    assert "No source yet" in body(finance.get("/sources"))
    union = tree.federation_county
    make_budget(union, [line_values(amounts={make_source(union, granted=500): 400})])
    foreign = make_source(tree.foreign_county, "别处经费")
    assert "No budget matches" in body(finance.get("/budgets?year=1999"))
    assert union.name in body(finance.get(f"/budgets?q={union.name}&year=2026&status=approved"))
    assert "别处经费" not in body(finance.get("/sources"))
    assert finance.get(f"/sources/{foreign.id}").status_code == 404
    for address, cells in (
        ("/budgets/export", {union.name, 400}),
        ("/sources/export", {"拨缴经费", 500}),
        (f"/budgets/{union.code}/2026/export", {"夏季送清凉", "拨缴经费", 400}),
        (f"/budgets/{union.code}/2026/lines/001/export", {"Authority given", 400}),
    ):
        book = openpyxl.load_workbook(io.BytesIO(finance.get(address).data))
        found = {cell for row in book.active.iter_rows(values_only=True) for cell in row}
        assert cells <= found, (address, found)


def test_a_source_form_comes_back_with_its_reasons(tree, someone):
    finance = someone(Role.FINANCE, tree.county)
    wrong = finance.send("/sources/new", SOURCE | {"union_code": tree.county.code, "document_number": "", "granted": "abc"})
    assert wrong.status_code == 422
    assert "上级补助" in body(wrong)
    wrong = finance.send("/sources/new", SOURCE | {"union_code": tree.foreign_county.code})
    assert (wrong.status_code, "no union in your part" in body(wrong)) == (422, True)
    source = make_source(tree.county)
    answer = finance.send(f"/sources/{source.id}/edit", SOURCE | {"union_code": tree.county.code, "kind": "levied_funds"})
    assert answer.status_code == 303
    assert Source.query.one().name == "上级补助"


# --- a workbook ----------------------------------------------------------------------------------------------------

HEAD = ["2026 年预算", *[None] * 5]
COLUMNS = ["项目", "支出科目", "资金来源", "金额（元）", "占比", "限会员"]


def workbook(*rows) -> tuple[io.BytesIO, str]:
    book = openpyxl.Workbook()
    for row in (HEAD, COLUMNS, *rows):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    return file, "budget.xlsx"


@pytest.fixture
def draft(tree, someone):
    union = tree.federation_county
    for name in ("拨缴经费", "上级补助"):
        make_source(union, name, 100_000)
    make_source(union, "会费", 1000, kind="dues")
    make_budget(union, [], approve=False)
    return union, someone(Role.FINANCE, tree.county), f"/budgets/{union.code}/2026/versions/1"


def test_an_opening_budget_from_a_workbook(draft):
    union, finance, here = draft
    file = workbook(
        ["夏季送清凉", "维权支出", "拨缴经费", 30000, None, None],
        ["夏季送清凉", "rights_protection", "上级补助", "1.5万元", None, "否"],
        ["免费健康体检", "职工服务支出", "拨缴经费", "600.02", "60%", None],
        ["免费健康体检", "职工服务支出", "上级补助", 400, 40, None],
        ["会员观影", "职工活动支出", "会费", "1,000.00", None, "是"],
    )
    answer = finance.send(f"{here}/import", {"workbook": file})
    assert answer.status_code == 422  # 600.02 and 400 are not 60 and 40 per cent of 1000.02
    assert "do not fit its shares" in body(answer), body(answer)
    file = workbook(
        ["夏季送清凉", "维权支出", "拨缴经费", 30000, None, None],
        ["夏季送清凉", "rights_protection", "上级补助", "1.5万元", None, "否"],
        ["免费健康体检", "职工服务支出", "拨缴经费", "600", "60%", None],
        ["免费健康体检", "职工服务支出", "上级补助", 400, 40, None],
        ["会员观影", "职工活动支出", "会费", "1,000.00", None, "是"],
    )
    answer = finance.send(f"{here}/import", {"workbook": file})
    assert answer.status_code == 303, body(answer)
    budget = queries.find_budget(union.id, 2026)
    rows = queries.list_rows(budget, queries.list_versions(budget)[0])
    assert {row.line.name: row.wanted for row in rows} == {"夏季送清凉": 45_000, "免费健康体检": 1000, "会员观影": 1000}


def test_every_row_that_is_wrong_is_named_and_nothing_is_loaded(draft):
    union, finance, here = draft
    file = workbook(
        ["夏季送清凉", "维权支出", "拨缴经费", 30000, None, None],
        ["站点运行", "维权", "拨缴经费", 100, None, None],
        ["站点运行", "维权支出", "不存在", 100, None, None],
        ["站点运行", "维权支出", "拨缴经费", "很多", None, None],
        ["站点运行", "维权支出", "拨缴经费", -5, None, None],
        ["会员观影", "职工活动支出", "会费", 100, None, "否"],
        [None, "维权支出", "拨缴经费", 5, None, None],
        ["重复", "维权支出", "拨缴经费", 5, None, None],
        ["重复", "维权支出", "拨缴经费", 5, None, "也许"],
        ["重复", "其他支出", "上级补助", 5, None, None],
    )
    answer = finance.send(f"{here}/import", {"workbook": file})
    said = body(answer)
    assert answer.status_code == 422
    for words in ("is no category", "none of the sources", "is no number", "above zero", "activities only", "is empty",
                  "neither 是 nor 否", "another category"):  # fmt: skip
        assert words in said, words
    assert queries.list_rows(queries.find_budget(union.id, 2026)) == []


def test_a_file_that_is_no_table(draft):
    _union, finance, here = draft
    assert finance.send(f"{here}/import", {"workbook": (io.BytesIO(b"%PDF-1.4"), "x.pdf")}).status_code == 422
    assert finance.send(f"{here}/import", {}).status_code == 422
    file = io.BytesIO("项目,支出科目\n水,维权支出\n".encode("gb18030"))
    assert "These columns are missing" in body(finance.send(f"{here}/import", {"workbook": (file, "x.csv")}))
    assert finance.get(f"{here}/import/template").status_code == 200


def test_a_year_has_its_own_lines(tree):
    """A line of the same name in the next year has the same code, so that what falls there finds it."""
    union = tree.federation_county
    make_budget(union, [line_values(amounts={make_source(union): 10}), line_values("站点运行", {make_source(union, "乙"): 10})])
    made = make_budget(union, [line_values("站点运行", {make_source(union, year=2027): 10})], year=2027, proposer=SYSTEM)
    assert made.lines["站点运行"].code == "002"
    assert date(2027, 1, 1).year == made.budget.year


@pytest.mark.parametrize("address", ["2200000000", "2026/versions/2200000000", "2026/versions/0"])
def test_a_number_that_no_column_holds_is_nothing(someone, tree, address):
    make_budget(tree.county, [], approve=False)
    assert someone(Role.FINANCE, tree.county).get(f"/budgets/{tree.county.code}/{address}").status_code == 404


def test_an_approver_sets_the_limits_and_finance_only_reads_them(tree, someone):
    """What was typed stays when it is refused; the proposal that is handed in then needs its meeting."""
    union = tree.federation_county
    here = f"/budgets/{union.code}/limits"
    finance, approver = someone(Role.FINANCE, tree.county), someone(Role.APPROVER, tree.county)
    assert "¥50,000.00" in body(finance.get(here)) and "Set them anew" not in body(finance.get(here))
    assert finance.send(here, {"minute_from": "1"}).status_code == 403
    typed = {"minute_from": "30,000", "review_from": "20,000", "decided_in": "纪要 3 号"}
    refused = approver.send(here, typed)
    assert refused.status_code == 422 and "cannot be below" in body(refused) and "纪要 3 号" in body(refused)
    assert approver.send(here, typed | {"review_from": "200,000"}).status_code == 303
    assert "¥30,000.00" in body(finance.get(here)) and "纪要 3 号" in body(finance.get(here))
    made = make_budget(union, [line_values(amounts={make_source(union, granted=30_000): 30_000})], approve=False)
    shown = body(finance.get(f"/budgets/{union.code}/2026/versions/1"))
    assert "with the minute of a meeting" in shown and here in shown
    assert made.version.tier is None


def waiting_links(client) -> list[str]:
    """Where the lines under “Waiting for you” on the overview lead."""
    card = body(client.get("/staff")).split('id="awaiting"')[1].split("</section>")[0]
    return [unescape(one) for one in re.findall(r'href="([^"]+)"', card)]


def test_what_waits_on_the_overview_opens_where_it_can_be_decided(tree, someone):
    """An adjustment of a budget in force and an advance wait for the approver; returned, the adjustment waits for finance."""
    union = tree.federation_county
    source = make_source(union, granted=900, cash=100)
    made = make_budget(union, [line_values(amounts={source: 500})])
    version = commands.open_version(budget=made.budget, kind=VersionKind.ADJUSTMENT, reason="追加", by=SYSTEM)
    line = made.lines["夏季送清凉"]
    commands.put_line(version=version, values=line_values(amounts={source: 600}), line=line, by=SYSTEM)
    commands.submit(version=version, by=SYSTEM)
    late = make_source(union, "迟到的补助", 100, kind="superior_grant")
    sources.propose_advance(lender=source, borrower=late, amount=Decimal(10), reason="未到账", by=SYSTEM)
    make_budget(tree.town, [line_values(amounts={make_source(tree.town): 1})])
    database.session.commit()
    finance, approver = someone(Role.FINANCE, tree.county), someone(Role.APPROVER, tree.county)
    listed = [body(approver.get(link)) for link in waiting_links(approver)]
    assert any(f"/budgets/{union.code}/2026" in one and f"/budgets/{tree.town.code}/2026" not in one for one in listed)
    assert any(f"/sources/{late.id}" in one and "未到账" in one for one in listed)
    assert 'id="awaiting"' not in body(finance.get("/staff"))
    approver.send(f"/budgets/{union.code}/2026/versions/2/return", {"answer": "请说明"})
    assert [link for link in waiting_links(finance) if f"/budgets/{union.code}/2026" in body(finance.get(link))]


def test_a_version_in_force_says_what_it_gave_and_does_not_count_it_twice(tree, someone):
    union = tree.federation_county
    make_budget(union, [line_values(amounts={make_source(union, granted=600): 600})])
    shown = body(someone(Role.FINANCE, tree.county).get(f"/budgets/{union.code}/2026/versions/1"))
    assert "¥600.00" in shown and "¥1,200.00" not in shown
