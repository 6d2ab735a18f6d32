"""What tests share: the oracles on the path, a cache, the examples of hypothesis, a browser, two speeds."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "oracles"))

# The same examples in every run; --hypothesis-profile=long tries others, and more of them. No example has a deadline:
# the first one of a test compiles and fills caches.
settings.register_profile(
    "short", derandomize=True, deadline=None, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("short"), derandomize=False, max_examples=3000)
settings.load_profile("short")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Loops compiled by the tests are kept apart from the user's, in one folder of all processes that test."""
    base = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        patch.setenv("CHAINRULE_CACHE", str(shared / "loops"))
        yield


# --- a browser -------------------------------------------------------------------------------------------------------

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium: the one that CHAINRULE_CHROMIUM names, an installed one, or Playwright's own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pages are tested with the package playwright")
    with playwright.sync_playwright() as running:
        named = os.environ.get("CHAINRULE_CHROMIUM")
        own = running.chromium.executable_path
        program = named or next(filter(None, map(shutil.which, PROGRAMS)), own if Path(own).exists() else None)
        if program is None:
            pytest.skip(f"pages are tested in Chromium, and there is no {', '.join(PROGRAMS)}")
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


JUDGE = """([part, rules]) =>
  axe.run(part, { resultTypes: ["violations"], ...(rules && { runOnly: rules }) }).then((told) => told.violations)"""
COLORS = ["color-contrast", "link-in-text-block"]  # all that a dark page can have beside what it has in the light


@pytest.fixture(scope="session")
def violations():
    """What axe-core finds in a tab or a part of it: rule and first place of each; with `dark`, of its colors only."""
    axe = pytest.importorskip("axe_playwright_python.base", reason="accessibility is judged by axe-core")
    source = axe.AXE_FILE_PATH.read_text("utf-8")

    def found(tab, part="html", dark=False):
        tab.evaluate(source)
        told = tab.evaluate(JUDGE, [part, COLORS if dark else None])
        return [(one["id"], one["nodes"][0]["html"][:200], one["nodes"][0]["failureSummary"]) for one in told]

    return found


# --- two speeds ------------------------------------------------------------------------------------------------------

# What `pytest -m quick` leaves out, as a file or a test of it; behind it the seconds of a processor it takes.
SLOW = {
    "07-gradients.md": 8,
    "12-attention.md": 3,
    "interop.md": 5,
    "more-machines.md": 4,
    "plans.md": 2,
    "test_estimators.py": 18,
    "test_shared_weights.py": 10,
    "test_cli_check.py::test_feeds_are_judged_on_too": 2,
    "test_comparison.py::test_names_that_double_in_length_are_not_written_out": 2,
    "test_counting.py::test_a_plan_counts_all_columns_and_not_those_of_a_block": 2,
    "test_counting.py::test_no_table_keeps_a_node_for_the_sake_of_its_size": 2,
    "test_fused_on_threads.py::test_loops_on_threads_have_the_same_bits": 2,
    "test_functions.py::test_a_file_is_told_nothing_that_is_right": 5,
    "test_functions.py::test_the_command_judges_a_function": 2,
    "test_cli.py::test_ctrl_c_ends_the_command_with_130_and_one_line": 1,
    "test_comparison.py::test_where_nothing_fits_the_difference_is_described": 1,
    "test_course.py::test_pictures_are_what_the_line_above_them_draws": 4,
    "test_course_sheets.py::test_a_wrong_line_is_judged_wrong_in_any_notation": 5,
    "test_digits_and_copying.py::test_their_gradients_are_right_by_differences": 1,
    "test_drawing.py::test_any_name_is_text_and_nothing_else": 2,
    "test_extras.py::test_without_its_library_an_extra_is_named": 1,
    "test_functions.py::test_a_function_may_write_to_what_it_is_handed": 1,
    "test_judge.py::test_mistakes_do_not_turn_the_convention_round": 1,
    "test_judge.py::test_the_convention_is_that_of_most_lines_and_of_the_first_when_they_are_even": 1,
    "test_lines_found.py::test_a_line_is_found_whatever_its_variables_are_called": 2,
    "test_packaging.py::test_a_wheel_runs_by_itself_its_networks_its_command_and_its_data": 2,
    "test_page.py::test_there_is_a_step_for_every_value_every_contribution_and_every_gradient": 2,
    "test_sampling.py::test_other_numbers_are_drawn_for_gradients_that_are_blocked_and_not_for_those_that_fade": 1,
    "test_held.py::test_threads_that_share_a_graph_give_the_same_verdicts": 5,
    "test_judge.py::test_where_nothing_mends_a_line_the_difference_from_the_nearest_convention_is_told": 2,
    "test_kept.py::test_a_plan_computes_whatever_stands_in_its_cache": 2,
    "test_lines_found.py::test_lines_of_loops_and_helpers_are_found": 4,
    "test_lines_found.py::test_the_slope_of_a_leaky_relu_is_named": 3,
    "test_lines_found.py::test_what_a_line_should_have_given_is_told": 4,
    "test_training.py::test_many_steps_are_compiled_into_a_loop_unless_a_backend_is_told": 4,
    "test_backward_graph.py::test_20_000_nodes_in_a_chain": 3,
    "test_house_rules.py::test_every_class_is_abstract_or_final": 2,
    "test_house_rules.py::test_what_is_listed_as_slow_exists": 2,
    "test_imports.py::test_what_is_registered_from_above_is_known": 1,
    "jax-out.md": 6,
    "pytorch-in.md": 5,
    "test_accessible.py": 40,
    "test_course.py::test_a_notebook_runs_and_shows_its_pictures": 5,
    "test_course.py::test_what_is_to_be_filled_in_runs_as_it_stands": 25,
    "test_attacks.py": 25,
    "test_blocks_of_every_node.py": 30,
    "test_benchmarks.py": 20,
    "test_compared_nets.py": 50,
    "test_demo.py": 4,
    "test_depth.py": 25,
    "test_differential.py": 80,
    "test_drawing_layout.py": 5,
    "test_grading.py": 11,
    "test_lecture.py": 12,
    "test_loop.py": 130,
    "test_loop_shapes.py": 12,
    "test_mistakes.py": 35,
    "test_names_in_plans.py": 9,
    "test_nearly_right.py": 25,
    "test_other_formats.py": 6,
    "test_page_in_a_browser.py": 40,
    "test_page_of_a_training.py": 9,
    "test_places.py": 10,
    "test_plan_scale.py": 38,
    "test_plans_against_runs.py": 20,
    "test_random_graphs.py": 19,
    "test_random_lines.py": 17,
    "test_reentered.py": 8,
    "test_reference.py": 6,
    "test_rows_and_columns.py": 50,
    "test_saturation.py": 10,
    "test_security.py": 25,
    "test_sheet_in_a_browser.py": 6,
    "test_sheets.py": 13,
    "test_sizes.py": 15,
    "test_standing_alone.py": 10,
    "test_state_machine.py": 6,
    "test_table_of_nodes.py": 12,
    "test_threads.py": 4,
    "test_traced.py": 6,
    "test_training_plan.py": 60,
    "test_untraceable_twins.py": 20,
    "test_wild_data.py": 10,
    "test_wrong_arguments.py": 20,
    "test_bad_input.py::test_a_full_disk_under_a_report": 2,
    "test_cli.py::test_a_reader_that_leaves_ends_the_command_in_silence": 1,
    "test_cli.py::test_an_output_that_knows_only_ascii_gets_question_marks": 1,
    "test_comparison.py::test_a_gradient_holds_all_parts_on_data_of_the_users_too": 20,
    "test_comparison.py::test_a_line_that_reads_itself_proves_nothing": 1,
    "test_comparison.py::test_many_lines_that_read_each_other_are_judged": 1,
    "test_derivation.py::test_a_ladder_of_diamonds_does_not_explode": 1,
    "test_derivation.py::test_a_long_chain_without_names_prints_without_recursion": 2,
    "test_derivation.py::test_lines_of_random_graphs": 28,
    "test_drawing.py::test_the_dot_text_is_the_same_in_every_process": 1,
    "test_entries.py::test_entries_of_every_rule_are_formulas_of_entries": 3,
    "test_entries.py::test_entries_of_every_rule_equal_the_run": 3,
    "test_entries.py::test_entries_of_networks_equal_the_run": 21,
    "test_entries.py::test_entries_of_random_graphs_equal_the_run": 12,
    "test_formula.py::test_any_text_is_a_formula_or_an_error_of_formulas": 2,
    "test_formula.py::test_no_function_lets_anything_but_an_error_of_formulas_out": 4,
    "test_house_rules.py::test_a_rule_that_is_switched_off_has_its_reason_on_the_line": 3,
    "test_imports.py::test_circles_and_arrows_that_point_up_are_printed": 3,
    "test_kept.py::test_a_damaged_file_is_compiled_again_and_mended": 3,
    "test_literals.py::test_plans_and_notations_print_plain_numbers": 4,
    "test_masked_classes.py::test_a_masked_class_adds_nothing_in_a_compiled_loop_either": 8,
    "test_node_grid.py::test_gradient_check": 12,
    "test_node_grid.py::test_gradient_check_in_every_layout": 31,
    "test_node_grid.py::test_no_layout_changes_a_number": 8,
    "test_notation.py::test_any_text_is_a_harmless_name": 6,
    "test_notation.py::test_random_expressions_mean_the_same_in_every_notation": 2,
    "test_operations.py::test_a_rule_with_such_a_function_has_a_plan": 3,
    "test_plan.py::test_a_deep_chain_compiles_without_recursion": 1,
    "test_plan.py::test_a_pass_leaves_the_results_of_random_graphs_as_they_are": 7,
    "test_plan.py::test_plan_and_run_agree_on_every_gradient_of_random_graphs": 18,
    "test_plan.py::test_plan_and_run_agree_on_every_node": 2,
    "test_plan.py::test_plan_and_run_agree_on_nets_whole_and_in_blocks": 3,
    "test_prediction_plan.py::test_outputs_are_the_values_of_a_run": 4,
    "test_program.py::test_a_recorded_program_computes_every_value_and_gradient_of_a_run": 1,
    "test_reading_and_writing.py::test_a_rule_of_thousands_of_operations_is_printed": 5,
    "test_reading_and_writing.py::test_hundreds_of_uses_are_one_sum": 3,
    "test_reading_and_writing.py::test_three_times_the_nodes_take_three_times_the_work": 10,
    "test_backward_graph.py::test_random_graphs_and_their_fused_forms": 18,
    "test_digits_and_copying.py::test_digits_that_were_held_out_are_read": 4,
    "test_digits_and_copying.py::test_sequences_that_are_new_are_copied": 3,
    "test_table_of_nodes.py::test_what_is_said_of_a_class_is_so": 15,
    "test_wrong_facts.py::test_what_is_built_with_a_fact_of_any_kind_runs": 1,
    "test_wrong_shapes.py::test_shapes_that_do_not_fit_are_refused_where_a_node_is_built": 3,
}

CASES = 4  # of a test with more cases than these, as many, spread evenly over all of them, are quick


def pytest_ignore_collect(collection_path, config):
    """A file that is slow as a whole is not even read where only quick tests are asked for."""
    return True if config.option.markexpr == "quick" and collection_path.name in SLOW else None


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector):
    """Where only quick tests are asked for, a test keeps few of its many cases."""
    found = yield
    if collector.config.option.markexpr == "quick" and isinstance(found, list) and len(found) > CASES:
        return [found[round(k * (len(found) - 1) / (CASES - 1))] for k in range(CASES)]
    return found


def pytest_collection_modifyitems(items):
    """What SLOW does not name is quick."""
    for item in items:
        name = f"{item.path.name}::{getattr(item, 'originalname', None)}"
        if item.path.name not in SLOW and name not in SLOW:
            item.add_marker("quick")
