import{Da as v,Ea as n,Ka as b,b as g,c,g as u,h as m,p as d,q as h}from"./chunk-DVZ2JOGS.js";await v(()=>import("./words_export_people-GTEBA4PA.js"),()=>import("./words_export_people_de-UCUPOYZU.js"));var F=["all","funnel","cohort","goal"];function E({order:t,set:e,Choice:l}){let{group:r}=t,s=F.filter(o=>o!=="cohort"||!t.every),a=o=>e({group:o,users:w[o]}),$=o=>e({users:{...t.users,...o}}),p={users:t.users,change:$,Choice:l};return u`<div class="fields">
<${l} label=${n("groupField")} value=${r} options=${s.map(o=>[o,n(`group_${o}`)])} choose=${a} />
${r==="funnel"&&u`<${S} ...${p} />`}
${r==="cohort"&&u`<${x} ...${p} />`}
${r==="goal"&&u`<${U} ...${p} />`}
</div>`}function _(){let t=(new Date(d()).getUTCDay()+6)%7;return h(d(),-t-7)}var w={all:{},funnel:{funnel:"",step:"1",reached:"true"},cohort:{cohort:_(),unit:"week",offset:"0"},goal:{goal:"",exposure_type:"",variant_property:"payload.variant",variant:"",converted:""}},i=({label:t,name:e,type:l="text",placeholder:r,users:s,change:a})=>u`<label class="field">${t}<input
type=${l} required min=${l==="number"?0:void 0} value=${s[e]} placeholder=${r}
onInput=${$=>a({[e]:$.target.value.trim()})} /></label>`;function y(t,e){let[l,r]=g(null);return c(()=>{let s=new AbortController;return b(`${t}?site=${encodeURIComponent(m)}`,s.signal).then(a=>r(e(a)),()=>{}),()=>s.abort()},[]),l}function S({users:t,change:e,Choice:l}){let r=y("../v1/funnels/",o=>o.data),s=r?.find(o=>o.id===t.funnel)?.steps??[],a=Number(t.step)>=s.length,$=r?.[0]?.id;c(()=>{$&&!t.funnel&&e({funnel:$})},[$]);let p=o=>e({step:o,reached:"true"});return r?.length===0?u`<p class="muted wide">${n("groupNoFunnel")}</p>`:u`
<${l} label=${n("groupFunnel")} value=${t.funnel} options=${(r??[]).map(o=>[o.id,o.name])}
choose=${o=>e({funnel:o,step:"1",reached:"true"})} />
<${l} label=${n("groupStep")} value=${t.step} choose=${p}
options=${s.map((o,f)=>[String(f+1),`${f+1}. ${o.name||Object.values(o.condition)[0]||""}`])} />
<${l} label=${n("groupReached")} value=${t.reached} isOff=${a}
options=${[["true",n("reached_true")],["dropped",n("reached_dropped")]]}
choose=${o=>e({reached:o})} />`}function x({Choice:t,...e}){let l=["day","week","month"].map(r=>[r,n(r+"Unit")]);return u`<${i} label=${n("groupCohort")} name="cohort" type="date" ...${e} />
<${t} label=${n("groupUnit")} value=${e.users.unit} options=${l}
choose=${r=>e.change({unit:r})} />
<${i} label=${n("groupOffset")} name="offset" type="number" ...${e} />`}function U({Choice:t,...e}){let l=y("goals",a=>a.goals)??[],r=[["",n("converted_")],["true",n("converted_true")],["false",n("converted_false")]],s=l[0]?.id;return c(()=>{s&&!e.users.goal&&e.change({goal:s})},[s]),u`
${l.length?u`<${t} label=${n("goal")} value=${e.users.goal} options=${l.map(a=>[a.id,a.name])}
choose=${a=>e.change({goal:a})} />`:u`<${i} label=${n("groupGoal")} name="goal" placeholder="order" ...${e} />`}
<${i} label=${n("groupExposure")} name="exposure_type" placeholder="experiment_viewed" ...${e} />
<${i} label=${n("groupProperty")} name="variant_property" placeholder="payload.variant" ...${e} />
<${i} label=${n("groupVariant")} name="variant" placeholder="b" ...${e} />
<${t} label=${n("groupConverted")} value=${e.users.converted} options=${r}
choose=${a=>e.change({converted:a})} />`}export{E as GroupFields};
