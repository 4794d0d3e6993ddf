/*
Question      Do first articles fail more often after a changeover, and for which change of family?
How to read   First attempts per month, line and change of families; `none` are first articles that follow no changeover. Compare the
              pass rate of a change with the line's `none` and with its other changes; few articles prove little.
What to do    Where a change stays under the others: set-up sheet and parameters of that change; under 95 % in a shift the batch is
              not released (alert mf_first_article). Else go on to fpy_4_batch_or_tooling.
*/
with

first_articles as (

    select * from {{ ref('fct_first_articles') }}
    where is_first_attempt

),

changeovers as (

    select * from {{ ref('int_manufacturing__changeovers') }}

),

described as (

    select
        {{ start_of('month', 'cast(first_articles.production_date as ' ~ type_ts() ~ ')') }} as month_start,
        first_articles.line_id,
        case when first_articles.is_after_changeover then changeovers.from_family || ' to ' || changeovers.to_family else 'none' end as changeover,
        first_articles.is_passed,
        first_articles.minutes_after_changeover
    from first_articles
    left join changeovers on first_articles.changeover_id = changeovers.changeover_id

)

select
    month_start,
    line_id,
    changeover,
    count(*) as first_articles,
    {{ count_where('is_passed') }} as passed,
    {{ safe_divide(count_where('is_passed'), 'count(*)') }} as pass_rate,
    avg(minutes_after_changeover) as mean_minutes_after_changeover
from described
group by month_start, line_id, changeover
order by month_start desc, line_id, pass_rate, changeover
