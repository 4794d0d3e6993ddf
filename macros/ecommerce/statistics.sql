{# Significance for experiments. Neither engine has an error function. #}

{# The complementary error function for x >= 0 (Chebyshev fit of Numerical Recipes, relative error below 1.2e-7). #}
{% macro erfc(x) -%}
    {%- set t = '(1 / (1 + (' ~ x ~ ') / 2))' -%}
    {%- set fit = namespace(sql='0.17087277') -%}
    {%- for coefficient in ['-0.82215223', '1.48851587', '-1.13520398', '0.27886807', '-0.18628806', '0.09678418', '0.37409196', '1.00002368', '-1.26551223'] -%}
        {%- set fit.sql = coefficient ~ ' + ' ~ t ~ ' * (' ~ fit.sql ~ ')' -%}
    {%- endfor -%}
    ({{ t }} * exp(-({{ x }}) * ({{ x }}) + {{ fit.sql }}))
{%- endmacro %}

{# Probability of a normal value at least as far from 0 as z, on either side. #}
{% macro normal_two_sided_p(z) %}{{ kpi_warehouse.erfc('abs(' ~ z ~ ') / sqrt(2)') }}{% endmacro %}

{#
    Probability of a chi-square value of at least x, exact sums for 1 to max_df degrees of freedom; null beyond.
    Even: exp(-x/2) * sum (x/2)^i / i!; odd: erfc(sqrt(x/2)) + exp(-x/2) * sum (x/2)^(i-1/2) / gamma(i+1/2).
#}
{% macro chi_square_p(x, df, max_df=9) -%}
    case {{ df }}
        {%- for degrees in range(1, max_df + 1) %}
        {%- set sum = namespace(terms=[], divisor=1.0) %}
        {%- if degrees % 2 == 0 -%}
            {%- for i in range(degrees // 2) -%}
                {%- if i > 0 -%}{%- set sum.divisor = sum.divisor * i -%}{%- endif -%}
                {%- do sum.terms.append('pow((' ~ x ~ ') / 2, ' ~ i ~ ') / ' ~ sum.divisor) -%}
            {%- endfor %}
        when {{ degrees }} then exp(-({{ x }}) / 2) * ({{ sum.terms | join(' + ') }})
        {%- else -%}
            {%- set sum.divisor = 1.7724538509055159 -%}
            {%- for i in range(1, (degrees - 1) // 2 + 1) -%}
                {%- set sum.divisor = sum.divisor * (i - 0.5) -%}
                {%- do sum.terms.append('pow((' ~ x ~ ') / 2, ' ~ (i - 0.5) ~ ') / ' ~ sum.divisor) -%}
            {%- endfor %}
        when {{ degrees }} then {{ kpi_warehouse.erfc('sqrt((' ~ x ~ ') / 2)') }}
            {%- if sum.terms %} + exp(-({{ x }}) / 2) * ({{ sum.terms | join(' + ') }}){% endif %}
        {%- endif %}
        {%- endfor %}
    end
{%- endmacro %}
