with

calendar as (

    select * from {{ ref('business_calendar') }}

),

campaigns as (

    select * from {{ ref('stg_ecommerce__campaigns') }}
    where kind = 'promotion'

),

campaign_days as (

    select * from {{ ref('int_ecommerce__campaign_days') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

first_dates as (

    select min(event_date) as first_date from {{ ref('int_ecommerce__events') }}
    union all
    select min(paid_date) as first_date from {{ ref('int_ecommerce__orders') }}

),

span as (

    select
        min(first_dates.first_date) as first_date,
        {{ date_of('max(horizon.as_of)') }} as last_date
    from first_dates
    cross join horizon

),

days as (

    select cast(series.date_day as date) as calendar_date
    from span
    cross join lateral {{ date_series('span.first_date', 'span.last_date') }} as series

),

covered as (

    select
        year(min(first_date)) as first_year,
        year(max(last_date)) as last_year
    from calendar

),

occasions as (

    select
        days.calendar_date,
        max(case when calendar.kind = 'public_holiday' then 1 else 0 end) as is_public_holiday,
        max(case when calendar.kind = 'makeup_workday' then 1 else 0 end) as is_makeup_workday,
        {{ string_agg('calendar.name_en', ', ', 'calendar.first_date, calendar.name_en', where="calendar.kind <> 'shopping_festival'") }} as holiday_en,
        {{ string_agg('calendar.name_zh', '、', 'calendar.first_date, calendar.name_zh', where="calendar.kind <> 'shopping_festival'") }} as holiday_zh,
        {{ string_agg('calendar.name_en', ', ', 'calendar.first_date, calendar.name_en', where="calendar.kind = 'shopping_festival'") }} as shopping_festival_en,
        {{ string_agg('calendar.name_zh', '、', 'calendar.first_date, calendar.name_zh', where="calendar.kind = 'shopping_festival'") }} as shopping_festival_zh
    from days
    inner join calendar on days.calendar_date between calendar.first_date and calendar.last_date
    group by days.calendar_date

),

promotions as (

    select
        days.calendar_date,
        {{ string_agg('coalesce(campaigns.name, campaigns.campaign_id)', ', ', 'campaigns.starts_at, campaigns.campaign_id') }} as promotions
    from days
    inner join campaigns
        on
            {{ to_local('campaigns.starts_at', "'" ~ var('business_timezone') ~ "'") }} < {{ add_days("cast(days.calendar_date as " ~ type_ts() ~ ")", 1, 'ts') }}
            and {{ to_local('campaigns.ends_at', "'" ~ var('business_timezone') ~ "'") }} > cast(days.calendar_date as {{ type_ts() }})
    group by days.calendar_date

),

described as (

    select
        days.calendar_date,
        {{ day_of_week('days.calendar_date') }} as day_of_week,
        year(days.calendar_date) between covered.first_year and covered.last_year as is_covered,
        coalesce(occasions.is_public_holiday, 0) = 1 as is_public_holiday,
        coalesce(occasions.is_makeup_workday, 0) = 1 as is_makeup_workday,
        occasions.holiday_en,
        occasions.holiday_zh,
        occasions.shopping_festival_en,
        occasions.shopping_festival_zh,
        promotions.promotions,
        campaign_days.campaign_date is not null as is_campaign_day
    from days
    cross join covered
    left join occasions on days.calendar_date = occasions.calendar_date
    left join promotions on days.calendar_date = promotions.calendar_date
    left join campaign_days on days.calendar_date = campaign_days.campaign_date

)

select
    calendar_date,
    cast(day_of_week as int) as day_of_week,
    case when is_covered then is_public_holiday end as is_public_holiday,
    case when is_covered then is_makeup_workday or (day_of_week <= 5 and not is_public_holiday) end as is_working_day,
    {{ as_text('holiday_en') }} as holiday_en,
    {{ as_text('holiday_zh') }} as holiday_zh,
    {{ as_text('shopping_festival_en') }} as shopping_festival_en,
    {{ as_text('shopping_festival_zh') }} as shopping_festival_zh,
    {{ as_text('promotions') }} as promotions,
    is_campaign_day
from described
