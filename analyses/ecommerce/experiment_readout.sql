-- Question: which experiments may be rolled out, and at what price for the guardrails?
-- Reads: one row per experiment and treatment variant (fct_experiment_results): lift of conversion with its interval against the control, the
--   guardrails beside those of the control, and a verdict, the first that holds of: `invalid split` (the sample ratio is implausible: records
--   are lost on one side), `running` (some persons are not observed for the whole window yet), `guardrail broken` (refunds, page errors or
--   bad ratings worse than the control's beyond chance; the margin is shown, judge it by eye), `better`, `worse` (the interval of the lift
--   lies on one side of 0), `not shown`. `detectable_lift` is what an experiment of this size would find in four cases of five.
-- To do: `better`: roll out and watch ec_cvr; `invalid split`: mend the assignment and start anew, the lift is worth nothing; `not shown` with a
--   `detectable_lift` above what the change could bring: it was too small, run it longer; `guardrail broken`: back to the drawing board.
with

results as (

    select * from {{ ref('fct_experiment_results') }}

),

compared as (

    select
        results.*,
        control.observed_persons as control_persons,
        control.immature_persons as control_immature_persons,
        control.refund_rate as control_refund_rate,
        control.gross_margin_rate as control_gross_margin_rate,
        control.page_crash_rate as control_page_crash_rate,
        control.bad_rating_rate as control_bad_rating_rate
    from results
    inner join results as control on results.experiment_id = control.experiment_id and control.is_control
    where not results.is_control

),

judged as (

    select
        compared.*,
        -- 2.8016 standard errors: two-sided 5 %, power 80 %
        2.8016 * sqrt(
            compared.control_rate * (1 - compared.control_rate)
            * (1.0 / nullif(compared.control_persons, 0) + 1.0 / nullif(compared.observed_persons, 0))
        ) as detectable_lift
    from compared

)

select
    experiment_id,
    variant,
    first_assigned_at,
    observed_persons,
    immature_persons,
    mixed_persons,
    srm_p_value,
    control_rate,
    conversion_rate,
    absolute_lift,
    lift_lower,
    lift_upper,
    p_value,
    detectable_lift,
    refund_rate,
    control_refund_rate,
    gross_margin_rate,
    control_gross_margin_rate,
    page_crash_rate,
    control_page_crash_rate,
    bad_rating_rate,
    control_bad_rating_rate,
    refund_z,
    page_crash_z,
    bad_rating_z,
    case
        when has_sample_ratio_mismatch then 'invalid split'
        when immature_persons + control_immature_persons > 0 then 'running'
        when is_guardrail_worse then 'guardrail broken'
        when lift_lower > 0 then 'better'
        when lift_upper < 0 then 'worse'
        else 'not shown'
    end as verdict
from judged
order by first_assigned_at desc, experiment_id, variant
