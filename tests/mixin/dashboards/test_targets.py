"""The queries can be taken out of the dashboard and evaluated elsewhere."""

from __future__ import annotations

import pytest

from ml_models.errors import DataError
from ml_models.mixin.dashboards import substitute


def test_targets_give_every_query_also_of_collapsed_rows(dashboard, queries):
    folded = [panel["title"] for row in dashboard["panels"] for panel in row.get("panels", [])]
    assert folded
    assert {"Predictions", *folded} <= {query.panel for query in queries}
    assert len({(query.panel_id, query.ref_id) for query in queries}) == len(queries)


def test_substitute_fills_in_every_form_of_a_variable():
    expr = 'a{m="$model",n="${model}",o="${model:raw}"}[$__rate_interval] + b[$__range] + c[${__interval}]'
    done = substitute(expr, {"model": "churn"}, rate_interval="2m", range_="6h", interval="30s")
    assert done == 'a{m="churn",n="churn",o="churn"}[2m] + b[6h] + c[30s]'


def test_substitute_does_not_take_the_groups_of_a_regular_expression_for_variables():
    expr = 'label_replace(a, "b", "$1", "c", "(.*)")'
    assert substitute(expr, {}) == expr


def test_substitute_prefers_the_longest_name():
    assert substitute("$model_name $model", {"model": "a", "model_name": "b"}) == "b a"


@pytest.mark.parametrize("model", ['say "hi"', "back\\slash", "new\nline"])
def test_substitute_keeps_odd_names_inside_their_string(model):
    escaped = model.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert substitute('a{model="$model"}', {"model": model}) == f'a{{model="{escaped}"}}'


def test_substitute_takes_a_choice_of_values_literally():
    done = substitute('a{feature=~"$feature"}', {"feature": ["age", "a.b", "c|d"]})
    assert done == 'a{feature=~"(age|a\\\\.b|c\\\\|d)"}'


@pytest.mark.parametrize("variables", [{}, {"feature": []}, {"feature": ""}])
def test_substitute_refuses_a_variable_without_a_value(variables):
    with pytest.raises(DataError, match=r"\$feature has no value"):
        substitute('a{feature=~"$feature"}', variables)
