-- The money of the loss matrix is the guardrail mf_loss_cost, line by line and day by day.
with

losses as (

    select * from {{ ref('fct_losses') }}

),

kpis as (

    select * from {{ ref('kpi_mf_output') }}
    where kpi_id = 'mf_loss_cost' and period_grain = 'day' and dimension = 'line'

),

matrix as (

    select
        line_id,
        production_date,
        sum(loss_cost) as loss_cost
    from losses
    group by line_id, production_date

)

select
    kpis.dimension_value,
    kpis.period_start,
    kpis.value,
    matrix.loss_cost
from kpis
left join matrix
    on kpis.dimension_value = matrix.line_id and {{ date_of('kpis.period_start') }} = matrix.production_date
where abs(kpis.value - coalesce(matrix.loss_cost, 0)) > 0.0001 * (1 + abs(kpis.value))
