import{l as S,m as y}from"./chunk-LILOKRKL.js";import{D as h,E as _,Ea as p,I as m,N as u,ea as b,g as s}from"./chunk-DVZ2JOGS.js";function A({rows:e,before:t,definition:a,who:r}){return s`<ol class="fsteps">${e.map((i,n)=>s`<${k} key=${i.step_id} row=${i} index=${n}
previous=${e[n-1]} next=${e[n+1]} before=${t?.[n]} scope=${a.scope} who=${r}
step=${a.steps.find(o=>o.id===i.step_id)} />`)}</ol>`}function k({row:e,index:t,previous:a,next:r,before:i,scope:n,who:o,step:c}){let $=c?y(c):e.step_name,d=c?S(c):"",l=e.visitors_reached,w=p(n==="visit"?"visitsWord":"peopleWord",{},l),f=i?.conversion_rate==null?void 0:i,v=s`<b>${_(l)}</b> ${w}`;return s`<li class="fstep">
<div class="fstep-head"><span class="fstep-no" aria-hidden="true">${t+1}</span>
<span class="fstep-name"><b title=${$}>${$}</b>${d!==$&&s`<span title=${d}>${d}</span>`}</span>
<span class="fstep-n num">${o&&l>0?s`<a href=${o(t+1,!1)} title=${p("whoReached",{step:$})}>${v}</a>`:v}</span>
<span class="fstep-rate num"><b>${m(e.conversion_rate)}</b>${f&&s`<span>${p("beforeRate",{rate:m(f.conversion_rate)})}</span>`}</span></div>
<div class="fbar" aria-hidden="true">
${a&&s`<i class="lost" style=${{"--w":(a.conversion_rate??0)+"%"}}></i>`}
<i class="now" style=${{"--w":(e.conversion_rate??0)+"%"}}></i>
${f&&s`<i class="then" style=${{"--w":f.conversion_rate+"%"}}></i>`}</div>
${r&&s`<${H} row=${e} next=${r} lost=${l-r.visitors_reached} index=${t} name=${$} who=${o} />`}
</li>`}function H({row:e,next:t,lost:a,index:r,name:i,who:n}){let o=s`<${b} name="down" size="13" />${p("leftHere",{n:_(a),rate:m(e.drop_off_rate)},a)}`;return s`<div class="fstep-foot">
${n&&a>0?s`<a class="lost" href=${n(r+1,!0)} title=${p("whoLeft",{step:i})}>${o}</a>`:s`<span class="lost">${o}</span>`}
<span>${t.median_time_s==null?h:p("tookTime",{median:u(t.median_time_s),p90:u(t.p90_time_s)})}</span>
</div>`}export{A as a};
